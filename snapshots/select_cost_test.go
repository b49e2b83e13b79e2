package snapshots_test

import (
	"testing"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestTraceCostsNothing counts the allocations of a decision without a trace. There
// must be none for a trace, and none for each snapshot.
func TestTraceCostsNothing(t *testing.T) {
	var many []*snapshotstest.Snapshot
	for n := range 300 {
		many = append(many, ready(hour*time.Duration(n+1)))
	}
	for name, test := range map[string]struct {
		all  []*snapshotstest.Snapshot
		most float64
	}{
		"none":                        {nil, 13},
		"the newest":                  {list(newest, older, oldest), 33},
		"the newest of many":          {many, 33},
		"not one that is abandoned":   {list(abandoned, newest, older, oldest), 49},
		"not one of unproven lineage": {list(unproven, newest, older, oldest), 49},
		"not one that is damaged":     {list(bad, newest, older, oldest), 49},
		"all are damaged":             {list(bad, badToo), 44},
		"too small":                   {list(big, newest), 24},
	} {
		claim := asked(t, brokerClaim(), driver)
		cluster := snapshots.Cluster{
			Backups:   []snapshots.Backup{parse(t, hourly().Annotate(v1alpha1.AnnotationRestore, latest))},
			Snapshots: map[string][]snapshots.Snapshot{claim.Volume.Hash(): readAll(t, test.all...)},
		}
		if got := testing.AllocsPerRun(50, func() { cluster.Decide(claim, now) }); got > test.most {
			t.Errorf("%s: a decision allocates %.0f times, want at most %.0f", name, got, test.most)
		}
	}
}
