package scheduler

import (
	"cmp"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/scheduler/texts"
	"github.com/snapback-dev/snapback/snapshots"
)

const (
	// stuckRuns is the number of runs without a snapshot that makes a volume stuck.
	stuckRuns = 3

	// unfinishedFor is how long an unfinished snapshot prevents the next snapshot of
	// its volume. After that the storage may have lost it. If not, one more snapshot
	// a day does no harm: it has its own name, and is then the unfinished one.
	unfinishedFor = 24 * time.Hour
)

// newestReady returns, for each live and bound claim that runs include, the
// scheduled time of its volume's newest ready snapshot, of any lineage. If there
// is none, it is the time of the claim's creation.
func newestReady(seen view) map[string]time.Time {
	newest := newestReadyOf(seen.own)
	since := map[string]time.Time{}
	for _, c := range seen.claims {
		if c.PVC.Status.Phase != corev1.ClaimBound || c.PVC.DeletionTimestamp != nil || !seen.included[c.Volume.Hash()] {
			continue
		}
		at := newest[c.Volume.Hash()]
		if at.IsZero() {
			at = c.PVC.CreationTimestamp.Time
		}
		since[c.PVC.Name] = at
	}
	return since
}

// newestReadyOf returns the scheduled time of each volume's newest ready snapshot, by the
// volume's hash.
func newestReadyOf(own []snapshots.Snapshot) map[string]time.Time {
	newest := map[string]time.Time{}
	for i := range own {
		if s := &own[i]; s.Ready && !s.Deleting && s.Scheduled.After(newest[s.Volume]) {
			newest[s.Volume] = s.Scheduled
		}
	}
	return newest
}

// stuckVolumes is a text about the volumes that have no snapshot of three runs in
// a row, with the reasons; empty: there are none. A volume that nothing keeps
// from the next run does not count.
func stuckVolumes(seen view, last *Result, j job, lastRun time.Time) string {
	oldest := map[string]snapshots.Snapshot{} // unfinished one, as in [unfinished]
	for i := range seen.own {
		s := &seen.own[i]
		if s.Ready || s.Deleting || s.Imported {
			continue
		}
		key := cmp.Or(s.SourcePVCUID, s.SourcePVC)
		if old, ok := oldest[key]; !ok || s.Scheduled.Before(old.Scheduled) {
			oldest[key] = *s
		}
	}
	var stuck []string
	since := newestReady(seen)
	for _, c := range seen.claims {
		at, ok := since[c.PVC.Name]
		if !ok || j.dueSince(at, lastRun) < stuckRuns {
			continue
		}
		if name := cmp.Or(oldest[string(c.PVC.UID)].Name, oldest[c.PVC.Name].Name); name != "" {
			stuck = append(stuck, fmt.Sprintf("claim %s: VolumeSnapshot %s is not finished", c.PVC.Name, name))
		} else if last != nil && last.Failed[c.PVC.Name] != nil {
			stuck = append(stuck, fmt.Sprintf("claim %s: %s", c.PVC.Name, texts.FirstBytes(last.Failed[c.PVC.Name].Error(), maxReason)))
		}
	}
	return snapshots.FirstOf(stuck, texts.MaxNamed, "; ")
}
