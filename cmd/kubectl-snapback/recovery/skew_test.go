package recovery

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// cut says when the storage has taken a snapshot.
func cut(at time.Time) func(*snapshotstest.Snapshot) {
	return func(s *snapshotstest.Snapshot) { s.Cut(at) }
}

// TestRunsByCut has runs that were made later than they are named: a run is of
// the time that its last disk was cut at.
func TestRunsByCut(t *testing.T) {
	one, two := noon.Add(time.Hour), noon.Add(2*time.Hour)
	late := two.Add(3 * time.Minute)
	at := func(w *world, scheduled time.Time, cuts ...time.Time) {
		for n, c := range cuts {
			w.snapshot(n, scheduled, cut(c))
		}
	}
	for name, test := range map[string]struct {
		prepare func(*world)
		request Request
		want    string // run, or what the error has
		minds   string // the first warning; empty: none
	}{
		"made up later": {func(w *world) { at(w, noon, noon, noon); at(w, one, late, late) }, Request{Before: two}, "20260221-120000",
			"run 20260221-130000 is passed over: it was cut until 2026-02-21T14:03:00Z"},
		"half of it was": {func(w *world) { at(w, noon, noon, noon); at(w, one, one, late) }, Request{Before: two, MaxSkew: 2 * time.Hour}, "20260221-120000",
			"run 20260221-130000 is passed over: it was cut until 2026-02-21T14:03:00Z"},
		"one disk of it, by a second": {func(w *world) { at(w, noon, noon, noon); at(w, one, one, one.Add(time.Second)) }, Request{Before: one}, "20260221-120000",
			"run 20260221-130000 is passed over: it was cut until 2026-02-21T13:00:01Z"},
		"by the second": {func(w *world) { at(w, noon, noon, noon); at(w, one, one, one.Add(time.Second)) }, Request{Before: one.Add(time.Second), MaxSkew: time.Minute}, "20260221-130000", ""},
		"after a later": {func(w *world) { at(w, noon, late, late); at(w, one, one, one) }, Request{Before: later}, "20260221-120000", ""},
		"cut early":     {func(w *world) { at(w, two, one, one) }, Request{Before: one}, "20260221-140000", ""},
		"one lacks a disk": {func(w *world) { at(w, noon, noon, noon); at(w, one, one) }, Request{Before: two}, "20260221-120000",
			"run 20260221-130000 is passed over: it has no ready snapshot of data-kafka-1"},
		"by name": {func(w *world) { at(w, noon, noon, noon); at(w, one, late, late) }, Request{Run: "20260221-130000"}, "20260221-130000", ""},
		"none": {func(w *world) { at(w, one, one, one.Add(time.Second)) }, Request{Before: one},
			"no run whose last disk was cut at or before 2026-02-21T13:00:00Z has a ready snapshot of every volume; complete runs: 20260221-130000 (cut until 2026-02-21T13:00:01Z)", ""},
		"listed with their cuts": {func(w *world) { at(w, noon, noon, noon.Add(20*time.Second)); at(w, one, one, late) }, Request{Run: "x"},
			`there is no run "x"; complete runs: 20260221-130000 (cut until 2026-02-21T14:03:00Z), 20260221-120000`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2)
			test.prepare(w)
			test.request.All = true
			p, err := w.plan(test.request)
			if err != nil {
				if !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v, want %s", err, test.want)
				}
				return
			}
			if p.Restore != ofRun(test.want) || len(p.Blocks) > 0 {
				t.Errorf("planned %s, blocked by %q, want run %s", p.Restore, p.Blocks, test.want)
			}
			if first := strings.Join(p.Warnings[:min(1, len(p.Warnings))], ""); (first == "") != (test.minds == "") || !strings.HasPrefix(first, test.minds) {
				t.Errorf("says %q, want first %q", p.Warnings, test.minds)
			}
		})
	}
}

// TestSkew has disks that were cut at different times: within --max-skew they
// are one point in time.
func TestSkew(t *testing.T) {
	for name, test := range map[string]struct {
		last    time.Time
		allowed time.Duration
		begun   bool
		blocked string // empty: it is not
	}{
		"a quorum's":    {last: noon.Add(2 * time.Minute), allowed: snapshots.MaxSkew},
		"all that may":  {last: noon.Add(5 * time.Minute), allowed: snapshots.MaxSkew},
		"beyond":        {noon.Add(5*time.Minute + time.Second), snapshots.MaxSkew, false, "the disks of run 20260221-120000 were cut within 5m1s, from 2026-02-21T12:00:00Z to 2026-02-21T12:05:01Z, which is more than --max-skew 5m0s:"},
		"the other way": {noon.Add(-time.Hour), snapshots.MaxSkew, false, "the disks of run 20260221-120000 were cut within 1h0m0s, from 2026-02-21T11:00:00Z to 2026-02-21T12:00:00Z, which is more than --max-skew 5m0s:"},
		"asked for":     {last: noon.Add(time.Hour), allowed: time.Hour},
		"gone on with":  {last: noon.Add(time.Hour), allowed: snapshots.MaxSkew, begun: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2)
			w.snapshot(0, noon)
			w.snapshot(1, noon, cut(test.last))
			if test.begun {
				w.Volumes[0].Snapshots[0].Annotations[v1alpha1.AnnotationRestoring] = "run/20260221-120000 uid-of-data-kafka-0"
			}
			p, err := w.plan(Request{All: true, Run: "20260221-120000", MaxSkew: test.allowed})
			if err != nil {
				t.Fatal(err)
			}
			if said := strings.Join(p.Blocks, "\n"); (said == "") != (test.blocked == "") || !strings.HasPrefix(said, test.blocked) {
				t.Errorf("blocked by %q, want %q", p.Blocks, test.blocked)
			}
			var out bytes.Buffer
			if err := Print(&out, p, unknownOperator{}, later); err != nil {
				t.Fatal(err)
			}
			times := []time.Time{noon, test.last}
			slices.SortFunc(times, time.Time.Compare)
			want := "All disks were cut within " + times[1].Sub(times[0]).String() + ", from " + times[0].Format(time.RFC3339) + " to " + times[1].Format(time.RFC3339) + ".\n"
			if lost := "what was written after " + times[0].Format(time.RFC3339); !strings.Contains(out.String(), want) || !strings.Contains(out.String(), lost) {
				t.Errorf("printed:\n%s\nwithout: %s or: %s", &out, want, lost)
			}
		})
	}
}

// TestImportedCut has imports, which are of the time that they were cut at in
// the other cluster.
func TestImportedCut(t *testing.T) {
	w := newWorld(t, 1)
	w.snapshot(0, noon)
	s := &w.Volumes[0].Snapshots[0]
	s.Imported, s.Cut = true, noon.Add(time.Hour)
	s.Annotations[v1alpha1.AnnotationImported], s.Annotations[v1alpha1.AnnotationCutTime] = "true", s.Cut.Format(time.RFC3339)
	if _, err := w.plan(Request{All: true, Before: noon.Add(time.Hour - time.Second)}); err == nil {
		t.Error("planned to restore what was cut later than it was asked for")
	}
	if _, err := w.plan(Request{All: true, Before: noon.Add(time.Hour)}); err != nil {
		t.Error(err)
	}
}

// TestResumeOfTwo goes on with the run that was begun with, and not with that of
// another KafkaBackup which has the same name.
func TestResumeOfTwo(t *testing.T) {
	w := newWorld(t, 1)
	w.snapshot(0, noon, annotated(v1alpha1.AnnotationRestoring, "run/20260221-120000 uid-of-data-kafka-0"))
	w.backup = snapshotstest.NewBackup("another", "kafka", "class")
	w.snapshot(0, noon, cut(noon.Add(time.Minute)))
	for _, r := range []Request{{All: true, Run: "20260221-120000"}, {All: true, Before: noon}} {
		p, err := w.plan(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Items[0].Snapshot.Run().Backup; got != "hourly" {
			t.Errorf("%+v goes on with the run of %s", r, got)
		}
	}
}
