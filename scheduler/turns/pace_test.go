package turns

import (
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return noon.Add(d) }

func TestPaceHalvesOncePerBurst(t *testing.T) {
	var p pace
	p = p.next(100, after(0), after(20*time.Second))
	if got := p.of(100); got != 50 {
		t.Fatalf("the first throttled snapshot: %d, want 50", got)
	}
	p = p.next(100, after(10*time.Second), after(40*time.Second)) // of the same burst
	if got := p.of(100); got != 50 {
		t.Errorf("another of the same burst: %d, want 50", got)
	}
	p = p.next(100, after(time.Minute), after(2*time.Minute)) // made at the lower rate, and throttled again
	if got := p.of(100); got != 25 {
		t.Errorf("one of the slower rate: %d, want 25", got)
	}
	for i := range 20 {
		at := after(time.Duration(3+i) * time.Minute)
		p = p.next(100, at, at.Add(time.Second))
	}
	if got := p.of(100); got != 1 {
		t.Errorf("throttled for long: %d, want 1", got)
	}
}

func TestPaceGrowsBackSlowly(t *testing.T) {
	p := pace{}.next(100, after(0), after(0).Add(time.Second))
	now := after(time.Second)
	p = p.next(100, after(0), now.Add(10*time.Minute)) // still throttled
	if got := p.of(100); got != 50 {
		t.Fatalf("grows while a snapshot is throttled: %d", got)
	}
	now = now.Add(10 * time.Minute)
	for minute, want := range []int{50, 60, 70, 80, 90, 100, 100} {
		p = p.next(100, time.Time{}, now.Add(time.Duration(minute)*time.Minute))
		if got := p.of(100); got != want {
			t.Errorf("after %d minutes: %d, want %d", minute, got, want)
		}
	}
	if p.limit != 0 {
		t.Errorf("full grown it follows the bound: %+v", p)
	}
	if got := p.of(300); got != 300 {
		t.Errorf("after the bound was raised: %d", got)
	}
}

func TestPaceUnderASmallBound(t *testing.T) {
	p := pace{}.next(1, after(0), after(time.Second))
	if got := p.of(1); got != 1 {
		t.Errorf("a bound of 1: %d", got)
	}
	p = p.next(3, time.Time{}, after(time.Second+growEvery))
	if got := p.of(3); got != 2 {
		t.Errorf("it grows by one at least: %d", got)
	}
	if got := (pace{limit: 50}).of(10); got != 10 {
		t.Errorf("above a bound that was lowered: %d", got)
	}
}
