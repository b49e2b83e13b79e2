package schedule

import (
	"fmt"
	"testing"
	"time"
)

func TestShift(t *testing.T) {
	anchor := "2026-03-01T10:07:30Z"
	tests := map[string]struct {
		spec, zone, after string
		by                time.Duration
		want              string
	}{
		"hourly":                     {"@hourly", "", "2026-03-01T10:00:00Z", 7 * time.Minute, "2026-03-01T10:07:00Z"},
		"at one of its times":        {"@hourly", "", "2026-03-01T10:07:00Z", 7 * time.Minute, "2026-03-01T11:07:00Z"},
		"every, before the anchor":   {"@every 1h", "", "2026-03-01T09:00:00Z", time.Minute, "2026-03-01T11:08:30Z"},
		"every, between two":         {"@every 1h", "", "2026-03-01T11:08:00Z", time.Minute, "2026-03-01T11:08:30Z"},
		"longer than the period":     {"@hourly", "", "2026-03-01T10:00:00Z", 90 * time.Minute, "2026-03-01T10:30:00Z"},
		"every, by many periods":     {"@every 1h", "", "2026-03-01T10:07:30Z", 50*time.Hour + time.Minute, "2026-03-01T11:08:30Z"},
		"into another day":           {"50 23 * * *", "", "2026-03-01T10:00:00Z", 20 * time.Minute, "2026-03-02T00:10:00Z"},
		"over a change of the clock": {"30 2 * * *", "America/New_York", "2026-03-08T05:00:00Z", time.Hour, "2026-03-08T08:30:00Z"},
		"not of a whole second":      {"@hourly", "", "2026-03-01T10:00:00Z", 1500 * time.Millisecond, "2026-03-01T10:00:01Z"},
	}
	for name, test := range tests {
		s, err := Parse(test.spec, test.zone, at(t, anchor))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		s = s.Shift(test.by)
		got := s.Next(at(t, test.after))
		if !got.Equal(at(t, test.want)) || !s.Has(got) {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestShiftedScheduleSince(t *testing.T) {
	s, err := Parse("@hourly", "", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	s = s.Shift(10 * time.Minute).Since(at(t, "2026-03-01T12:05:00Z"))
	if next := s.Next(at(t, "2026-03-01T08:30:00Z")); !next.Equal(at(t, "2026-03-01T12:10:00Z")) {
		t.Errorf("the first time after the schedule was put in force: %s", next)
	}
	if latest, n := s.Latest(at(t, "2026-03-01T12:10:00Z"), at(t, "2026-03-01T15:00:00Z")); n != 3 || !latest.Equal(at(t, "2026-03-01T14:10:00Z")) {
		t.Errorf("%d times up to %s", n, latest)
	}
}

func TestJitterSpreads(t *testing.T) {
	const limit = 10 * time.Minute
	minutes := map[time.Duration]int{}
	for i := range 1000 {
		uid := fmt.Sprintf("5f0f2c1e-7f3b-4a53-9f5c-%012d", i)
		offset := Jitter(limit, uid)
		if offset < 0 || offset >= limit || offset%time.Second != 0 || offset != Jitter(limit, uid) {
			t.Fatalf("the offset of %s is %s", uid, offset)
		}
		minutes[offset.Truncate(time.Minute)]++
	}
	for minute, n := range minutes {
		if n < 60 || n > 140 {
			t.Errorf("%d of 1,000 in minute %s, about 100 expected", n, minute)
		}
	}
	for _, none := range []time.Duration{0, -time.Hour, 999 * time.Millisecond, time.Second} {
		if got := Jitter(none, "uid"); got != 0 {
			t.Errorf("a jitter of %s gives %s", none, got)
		}
	}
	if got := Jitter(time.Hour, ""); got != 0 {
		t.Errorf("an object without a UID is shifted by %s", got)
	}
}
