package drill

import (
	"testing"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func TestPlan(t *testing.T) {
	daily := []asker{askerFor(t, "a", "@every 24h")}
	good0, good1, older0 := taken(0, 1), taken(1, 1), taken(0, 0)
	both := []*snapshotstest.Snapshot{good1, good0}
	sound, damaged, failed := v1alpha1.DrillSound, v1alpha1.DrillDamaged, v1alpha1.DrillFailed
	tests := map[string]struct {
		askers  []asker
		good    []*snapshotstest.Snapshot
		reports []v1alpha1.DrillReport
		now     int // hours after noon
		want    *snapshotstest.Snapshot
		due     int
		next    int
	}{
		"nobody asks":                        {good: both, now: 100},
		"no good snapshot":                   {askers: daily, now: 100},
		"only a run of a time to come":       {askers: daily, good: []*snapshotstest.Snapshot{taken(0, 99)}, now: 24},
		"the run of a wrong clock":           {askers: daily, good: []*snapshotstest.Snapshot{taken(0, 99), good1}, now: 24, want: good1, due: 24},
		"before the first time":              {askers: daily, good: both, now: 23, next: 24},
		"at the first time":                  {askers: daily, good: both, now: 24, want: good0, due: 24},
		"missed ones are made up once":       {askers: daily, good: both, now: 24*9 + 5, want: good0, due: 24 * 9},
		"each in its turn":                   {askers: daily, good: both, now: 48, reports: []v1alpha1.DrillReport{report(sound, good0, 24, 25)}, want: good1, due: 48},
		"not twice for one time":             {askers: daily, good: both, now: 30, reports: []v1alpha1.DrillReport{report(sound, good0, 24, 25)}, next: 48},
		"a failed one had its turn":          {askers: daily, good: both, now: 48, reports: []v1alpha1.DrillReport{report(failed, good0, 24, 25)}, want: good1, due: 48},
		"the longest ago":                    {askers: daily, good: both, now: 72, reports: []v1alpha1.DrillReport{report(sound, good1, 24, 25), report(sound, good0, 48, 49)}, want: good1, due: 72},
		"a damaged one, the older one":       {askers: daily, good: []*snapshotstest.Snapshot{good1, older0}, now: 25, reports: []v1alpha1.DrillReport{report(damaged, good0, 24, 25)}, want: older0, due: 24},
		"a damaged one, nothing else":        {askers: daily, good: both, now: 26, reports: []v1alpha1.DrillReport{report(damaged, good0, 24, 25)}, next: 48},
		"damaged, and the older one failed":  {askers: daily, good: []*snapshotstest.Snapshot{good1, older0}, now: 26, reports: []v1alpha1.DrillReport{report(damaged, good0, 24, 25), report(failed, older0, 24, 26)}, next: 48},
		"damaged, and the older one sound":   {askers: daily, good: []*snapshotstest.Snapshot{good1, older0}, now: 27, reports: []v1alpha1.DrillReport{report(damaged, good0, 24, 25), report(sound, older0, 24, 26)}, next: 48},
		"the older one failed before it":     {askers: daily, good: []*snapshotstest.Snapshot{good1, older0}, now: 49, reports: []v1alpha1.DrillReport{report(failed, older0, 24, 25), report(damaged, good0, 48, 49)}, want: older0, due: 48},
		"a report of a time to come":         {askers: daily, good: both, now: 24, reports: []v1alpha1.DrillReport{report(sound, good1, 2400, 25)}, want: good0, due: 24},
		"the drill of another one counts":    {askers: []asker{askerFor(t, "a", "@every 24h"), askerFor(t, "b", "@every 25h")}, good: both, now: 26, reports: []v1alpha1.DrillReport{report(sound, good0, 25, 26)}, next: 48},
		"the schedule of another one is due": {askers: []asker{askerFor(t, "a", "@every 24h"), askerFor(t, "b", "@every 25h")}, good: both, now: 25, reports: []v1alpha1.DrillReport{report(sound, good0, 24, 25)}, want: good1, due: 25},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var volumes []volume
			for _, vs := range test.good {
				s := snapshotOf(t, vs.Obj())
				volumes = append(volumes, volume{slot: s.Annotations[v1alpha1.AnnotationSlot], good: s})
			}
			due, next := plan(test.askers, volumes, test.reports, after(test.now))
			var wantNext time.Time
			if test.next != 0 {
				wantNext = after(test.next)
			}
			if !next.Equal(wantNext) {
				t.Errorf("the next one is at %s, want %s", next, wantNext)
			}
			switch {
			case (due != nil) != (test.want != nil):
				t.Errorf("due: %+v, want %v", due, test.want)
			case due != nil && (due.good.Name != test.want.Obj().Name || !due.due.Equal(after(test.due))):
				t.Errorf("due: %s at %s, want %s at %s", due.good.Name, due.due, test.want.Obj().Name, after(test.due))
			}
		})
	}
}
