package drill

import (
	"cmp"
	"slices"
	"time"

	"github.com/snapback-dev/snapback/api/schedule"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// asker is a KafkaBackup whose spec.drill is in force.
type asker struct {
	snapshots.Backup
	spec    v1alpha1.DrillSpec
	times   schedule.Schedule
	created time.Time
}

// volume is a volume of the cluster that can be drilled.
type volume struct {
	slot string
	good snapshots.Snapshot // the one that its claim would get if it were lost
}

// task is a drill that is due.
type task struct {
	asker asker
	good  snapshots.Snapshot
	due   time.Time
}

// plan returns the drill that is due for a cluster. If none is, it returns the time
// of the next one; zero: there is none. All that is known of former drills is in the
// reports, which may be listed more than once.
func plan(askers []asker, volumes []volume, reports []v1alpha1.DrillReport, now time.Time) (due *task, next time.Time) {
	if len(askers) == 0 {
		return nil, time.Time{}
	}
	// A report on a run of a time to come would count for nothing: some clock is wrong.
	volumes = slices.DeleteFunc(slices.Clone(volumes), func(v volume) bool { return v.good.Scheduled.After(now) })
	if len(volumes) == 0 {
		return nil, time.Time{}
	}
	volumes = slices.SortedFunc(slices.Values(volumes), func(a, b volume) int { return cmp.Compare(a.slot, b.slot) })
	for _, v := range volumes {
		if at, ok := followsDamage(v, reports); ok {
			return &task{askers[0], v.good, at}, time.Time{}
		}
	}
	for _, a := range askers {
		at, first := a.due(reports, now)
		switch {
		case !at.IsZero():
			return &task{a, turn(volumes, reports).good, at}, time.Time{}
		case next.IsZero() || !first.IsZero() && first.Before(next):
			next = first
		}
	}
	return nil, next
}

// due returns the latest time of the schedule after that of the last drill, or first,
// the next time to come, if there is none yet. Times that were missed are made up by
// one drill. A drill that another KafkaBackup of the cluster asked for counts. One of
// a time to come does not: some clock was wrong.
func (a asker) due(reports []v1alpha1.DrillReport, now time.Time) (due, first time.Time) {
	last := a.created
	for _, r := range reports {
		if at := r.DueTime.Time; at.After(last) && !at.After(now) {
			last = at
		}
	}
	first = a.times.Next(last)
	due, _ = a.times.Latest(first, now)
	return due, first
}

// followsDamage returns the time of the drill that found the volume damaged, if
// another snapshot of it must be drilled at once: without that nobody knows whether
// the volume has a backup. A drill that failed is not repeated before the next time.
func followsDamage(v volume, reports []v1alpha1.DrillReport) (due time.Time, follows bool) {
	var last v1alpha1.DrillReport
	for _, r := range reports {
		if r.Volume == v.slot && r.Result != v1alpha1.DrillFailed && r.FinishedTime.After(last.FinishedTime.Time) {
			last = r
		}
	}
	if last.Result != v1alpha1.DrillDamaged {
		return time.Time{}, false
	}
	tried := slices.ContainsFunc(reports, func(r v1alpha1.DrillReport) bool {
		return r.VolumeSnapshot == v.good.Name && (r.Result != v1alpha1.DrillFailed || !r.DueTime.Before(&last.DueTime))
	})
	return last.DueTime.Time, !tried
}

// turn returns the volume whose last drill, of any result, is the longest ago. The
// volumes are sorted.
func turn(volumes []volume, reports []v1alpha1.DrillReport) volume {
	last := map[string]time.Time{}
	for _, r := range reports {
		if at := r.FinishedTime.Time; at.After(last[r.Volume]) {
			last[r.Volume] = at
		}
	}
	return slices.MinFunc(volumes, func(a, b volume) int { return last[a.slot].Compare(last[b.slot]) })
}
