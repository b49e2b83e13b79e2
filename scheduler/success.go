package scheduler

import (
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// lastSuccess is the scheduled time of the newest run that has succeeded; zero: none
// has. A run has succeeded when its snapshots are all ready, or when each included
// volume has a ready snapshot of it or of a later run. The second is for storage that
// needs longer for a snapshot than the time between two runs: there each run can lack
// a volume whose last snapshot is not finished, and no run is ever whole.
func lastSuccess(last *v1alpha1.RunStatus, own []snapshots.Snapshot, included map[string]bool) time.Time {
	whole, covered := lastWhole(last, own, len(included)), coveredSince(own, included)
	if covered.After(whole) {
		return covered
	}
	return whole
}

// lastWhole is the scheduled time of the newest run whose snapshots are all ready: as
// many as the last run could take, or as there are volumes now.
func lastWhole(last *v1alpha1.RunStatus, own []snapshots.Snapshot, volumes int) time.Time {
	type count struct{ ready, all int }
	runs := map[int64]*count{}
	for i := range own {
		at := own[i].Scheduled.Unix()
		of := runs[at]
		if of == nil {
			of = &count{}
			runs[at] = of
		}
		of.all++
		if own[i].Ready {
			of.ready++
		}
	}
	var newest time.Time
	for at, c := range runs {
		want := volumes
		if last != nil && last.ScheduledTime.Unix() == at {
			want = int(last.Volumes - last.Skipped)
		}
		if t := time.Unix(at, 0); c.ready == c.all && c.ready >= max(want, 1) && t.After(newest) {
			newest = t
		}
	}
	return newest
}

// coveredSince is the scheduled time of the newest run since which each included
// volume has a ready snapshot that stays; zero: a volume has none.
func coveredSince(own []snapshots.Snapshot, included map[string]bool) time.Time {
	newest := newestReadyOf(own)
	var since time.Time
	for hash := range included {
		if t := newest[hash]; since.IsZero() || t.Before(since) {
			since = t
		}
		if since.IsZero() {
			return since
		}
	}
	return since
}
