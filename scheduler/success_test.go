package scheduler

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// TestLastSuccess has runs a minute apart. Each text is a volume: a sign for each run,
// "r" a ready snapshot, "p" one that is not ready, "." none.
func TestLastSuccess(t *testing.T) {
	for name, c := range map[string]struct {
		volumes map[string]string
		skipped int32 // of the last run
		want    int   // number of the run, from 1; 0: none
	}{
		"nothing":                        {map[string]string{"a": "", "b": ""}, 0, 0},
		"the last is whole":              {map[string]string{"a": "rr", "b": "rr"}, 0, 2},
		"the last is not ready yet":      {map[string]string{"a": "rr", "b": "rp"}, 0, 1},
		"the last could not take one":    {map[string]string{"a": "rr", "b": "p."}, 1, 2},
		"the last failed for one":        {map[string]string{"a": "rr", "b": "r."}, 0, 1},
		"one has never had one":          {map[string]string{"a": "rrr", "b": "..."}, 0, 0},
		"one has none that is ready":     {map[string]string{"a": "rrr", "b": "pp."}, 0, 0},
		"in turns":                       {map[string]string{"a": ".r.r.p", "b": "r.r.p."}, 1, 3},
		"in turns, and one is left":      {map[string]string{"a": ".r.r.p", "b": "r....."}, 1, 1},
		"of a volume that has gone, too": {map[string]string{"a": ".r", "b": "r.", "-gone": "p."}, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			included, runs := map[string]bool{}, 0
			var own []snapshots.Snapshot
			for volume, of := range c.volumes {
				if volume[0] != '-' {
					included[volume] = true
				}
				runs = max(runs, len(of))
				for i, sign := range of {
					if sign != '.' {
						own = append(own, snapshots.Snapshot{Volume: volume, Scheduled: ten.Add(time.Duration(i+1) * time.Minute), Ready: sign == 'r'})
					}
				}
			}
			last := &v1alpha1.RunStatus{ScheduledTime: metav1.Time{Time: ten.Add(time.Duration(runs) * time.Minute)}, Volumes: int32(len(included)), Skipped: c.skipped}
			want := time.Time{}
			if c.want > 0 {
				want = ten.Add(time.Duration(c.want) * time.Minute)
			}
			if got := lastSuccess(last, own, included); !got.Equal(want) {
				t.Errorf("the last success is of %s, not %s", got, want)
			}
		})
	}
}
