package snapshots

import (
	"fmt"
	"time"
)

// Memory is what an operator remembers of a volume that has no claim.
type Memory string

const (
	MemoryUnknown Memory = ""     // it keeps no such thing, or has not begun to
	MemoryLost    Memory = "lost" // the volume was there, and was not removed on purpose
	MemoryNew     Memory = "new"  // the node or disk is new to it: its id was used before, and given up
)

// defaultOrphanAge is the age from which on an orphaned volume's snapshot is
// only restored if people say so.
const defaultOrphanAge = 7 * 24 * time.Hour

// Outlived reports whether the cluster's runs have gone on without a volume:
// another volume has been in more than one run since its newest snapshot. own
// are the volume's snapshots, cluster those of all volumes of its cluster.
func Outlived(own []Snapshot, cluster map[string][]Snapshot) bool {
	own = Candidates(own)
	if len(own) == 0 {
		return false
	}
	for _, of := range cluster {
		if runsSince(own[0], Candidates(of)) > 1 {
			return true
		}
	}
	return false
}

// orphaned tells what the claim of a volume gets whose cluster has gone on
// without it: a broker that was scaled down and whose id comes back is a new
// one, and must not get the data of its namesake. The operator knows best, and
// then the new one's data is good from the start; else the age decides who is
// asked.
func orphaned(v Volume, policy Policy, around Around, newest Snapshot, now time.Time) (Decision, bool) {
	since := newest.Scheduled.UTC().Format(time.RFC3339)
	switch {
	case !around.Outlived || v.Memory == MemoryLost || newest.marked(AnnotationAdopt): // a person's yes
		return Decision{}, false
	case v.Memory == MemoryNew:
		return Decision{Outcome: Allow, Reason: ScaledUp, Annotations: map[string]string{AnnotationPromote: valueTrue}, Message: fmt.Sprintf(
			"snapback: %s starts empty: it is new to its operator, and the snapshots of its name, up to that of %s, are of one that was removed; annotate VolumeSnapshot %s with %s=true before the claim is made to get it",
			v, since, newest.Name, AnnotationRestoreNext)}, true
	case now.Sub(newest.Scheduled) > policy.orphanAge():
		return unusable(Orphaned, fmt.Sprintf(
			"it is of %s, and the cluster's backups have gone on without this volume since then, so it may be of a broker or disk that was removed: annotate VolumeSnapshot %s with %s=true to restore it, or raise %s (%s)",
			since, newest.Name, AnnotationRestoreNext, AnnotationRestoreOrphanAge, policy.orphanAge()), v, policy), true
	}
	return Decision{}, false
}
