package drill

import (
	"testing"

	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func TestLost(t *testing.T) {
	of := func(backup string, broker, hours int, change ...func(*snapshots.Snapshot)) snapshots.Snapshot {
		claim := snapshotstest.StrimziClaim("events", "broker", broker, 0)
		s := snapshotOf(t, snapshotstest.NewSnapshot(claim, snapshotstest.NewBackup(backup, "events", "class"), "driver", after(hours)).Ready().Obj())
		for _, c := range change {
			c(&s)
		}
		return s
	}
	spoilt := func(s *snapshots.Snapshot) { s.Volume, s.Unreadable = "", "no label" }
	kept := of("hourly", 0, 24)
	for name, test := range map[string]struct {
		all  []snapshots.Snapshot
		want bool
	}{
		"all are there":                       {all: []snapshots.Snapshot{kept}},
		"gone since the last run":             {all: []snapshots.Snapshot{kept, of("hourly", 1, 24)}, want: true},
		"the next run came without it":        {all: []snapshots.Snapshot{kept, of("hourly", 1, 23)}},
		"another one's last run":              {all: []snapshots.Snapshot{kept, of("daily", 1, 20)}, want: true},
		"of a suspended or deleted one":       {all: []snapshots.Snapshot{kept, of("gone", 1, 24)}},
		"gone before more than a day":         {all: []snapshots.Snapshot{kept, of("daily", 1, 0)}},
		"of a time to come":                   {all: []snapshots.Snapshot{kept, of("daily", 1, 99)}},
		"somebody has changed a snapshot":     {all: []snapshots.Snapshot{kept, of("hourly", 0, 24, spoilt)}},
		"a future one does not hide the last": {all: []snapshots.Snapshot{of("hourly", 0, 99), of("hourly", 1, 24)}, want: true},
	} {
		got := lost(test.all, map[string]bool{"hourly": true, "daily": true}, map[string]bool{kept.Volume: true}, after(25))
		if (got != "") != test.want {
			t.Errorf("%s: lost %q", name, got)
		}
	}
}

// TestGivenUpForALostClaim loses a claim of a broker during a drill. The quota may have
// no room for both: the broker's goes first.
func TestGivenUpForALostClaim(t *testing.T) {
	w := newWorld(t, "one")
	w.reconcile("one")
	claim := snapshotstest.StrimziClaim("one", "broker", 0, 0).Class("fast")
	if err := w.Delete(t.Context(), claim.Obj()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.reconcile("one")
	}
	if left := w.drills(); len(left) != 0 {
		t.Errorf("the claim of the broker is lost, and the drill goes on: %v", left)
	}
}
