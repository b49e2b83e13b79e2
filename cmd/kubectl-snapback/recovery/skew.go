package recovery

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

// asNamed is how far the cut of a run may be from the time in its name before the
// user is told.
const asNamed = time.Minute

// last returns when the last of the run's disks was cut. That is the run's real
// time: a run that was made up hours later, in whole or in part, has what was
// written until then.
func (r run) last() time.Time {
	_, last := snapshots.Cuts(maps.Values(r.ready))
	return last
}

// tooSkewed returns a text if the run's disks were cut too far apart; empty if
// not.
func (r run) tooSkewed(allowed time.Duration) string {
	first, last := snapshots.Cuts(maps.Values(r.ready))
	if last.Sub(first) <= allowed {
		return ""
	}
	return fmt.Sprintf("the disks of run %s were cut within %s, which is more than --max-skew %s: a part of it was made later, and the disks do not fit together: "+
		"take another run, or pass --max-skew %s to take this one all the same", r.name(), span(first, last), allowed, last.Sub(first))
}

// said returns the run's name. It adds the time of the cut if that differs, or if
// it is on the other side of the requested time.
func (r run) said(before time.Time) string {
	last, scheduled := r.last(), time.Unix(r.Scheduled, 0)
	if last.Sub(scheduled).Abs() < asNamed && (before.IsZero() || scheduled.After(before) == last.After(before)) {
		return r.name()
	}
	return fmt.Sprintf("%s (cut until %s)", r.name(), utc(last))
}

// passedOver returns why the chosen run is not the last one whose name is before
// the requested time; empty if it is, or if no time was requested.
func passedOver(volumes []inventory.Volume, chosen run, before time.Time) string {
	var newest *run
	runs := runsOf(volumes)
	for n := range runs {
		r := &runs[n]
		if r.Scheduled > chosen.Scheduled && r.Scheduled <= before.Unix() && (len(r.missing) > 0 || len(r.damaged) > 0 || r.last().After(before)) && (newest == nil || r.Scheduled > newest.Scheduled) {
			newest = r
		}
	}
	switch {
	case before.IsZero() || newest == nil:
		return ""
	case newest.last().After(before):
		return fmt.Sprintf("run %s is passed over: it was cut until %s", newest.name(), utc(newest.last()))
	case len(newest.missing) == 0:
		return fmt.Sprintf("run %s is passed over: a restore drill found its snapshot of %s damaged; --from-run restores it all the same", newest.name(), some(newest.damaged))
	}
	return fmt.Sprintf("run %s is passed over: it has no ready snapshot of %s", newest.name(), some(newest.missing))
}

// cutAfter reports whether a disk of the run was cut after a time. Disks whose
// snapshot is gone do not count.
func cutAfter(volumes []inventory.Volume, key snapshots.RunKey, before time.Time) bool {
	runs := runsOf(volumes)
	i := slices.IndexFunc(runs, func(r run) bool { return r.RunKey == key })
	return i >= 0 && runs[i].last().After(before)
}

// span returns how far apart two times are, and both times.
func span(first, last time.Time) string {
	return fmt.Sprintf("%s, from %s to %s", last.Sub(first), utc(first), utc(last))
}

func utc(t time.Time) string { return t.UTC().Format(time.RFC3339) }
