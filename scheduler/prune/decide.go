package prune

import (
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
)

// Seen is what a KafkaBackup is seen to have. It may be older than what the
// apiserver would say.
type Seen struct {
	Backup snapshots.Backup
	Claims []claims.Claim       // of its cluster
	InUse  map[string]bool      // snapshots that Pending claims of the namespace wait for
	Own    []snapshots.Snapshot // the KafkaBackup's
}

// AllStay reports whether nothing may go, whatever the retention says: people
// have frozen the KafkaBackup, or a claim of its cluster is being restored.
func (seen Seen) AllStay() bool {
	_, frozen := seen.Backup.Annotations[v1alpha1.AnnotationFreeze]
	return frozen || claims.Restoring(seen.Claims)
}

// blocking are the snapshots of terminating claims that were not cut yet: each
// holds its claim with a finalizer, and could later be cut from an empty claim
// of the same name.
func blocking(seen Seen) []snapshots.Snapshot {
	terminating := map[string]bool{}
	for _, c := range seen.Claims {
		if c.PVC.DeletionTimestamp != nil {
			terminating[c.PVC.Name] = true
		}
	}
	var found []snapshots.Snapshot
	for _, s := range seen.Own {
		if uncut(s) && terminating[s.SourcePVC] {
			found = append(found, s)
		}
	}
	return found
}

func uncut(s snapshots.Snapshot) bool { return s.Cut.IsZero() && !s.Ready && !s.Deleting }

// stillUncut reports whether a snapshot that was seen uncut is the same, and
// uncut, as the apiserver has it.
func stillUncut(seen, live snapshots.Snapshot) bool { return live.UID == seen.UID && uncut(live) }

// decide says which snapshots are marked, unmarked and deleted now.
func decide(seen Seen, now time.Time) snapshots.Pruning {
	var prunable []snapshots.Snapshot
	if !seen.AllStay() {
		prunable = seen.Backup.Retention.Prunable(seen.Own, seen.InUse, now)
	}
	return snapshots.PlanPruning(seen.Own, prunable, now)
}

// Marked are the snapshots that are marked; all are to stay when their
// KafkaBackup is gone, and claims are restored from them.
func Marked(own []snapshots.Snapshot, now time.Time) []snapshots.Snapshot {
	return snapshots.PlanPruning(own, nil, now).Unmark
}

// stillDue reports whether a snapshot whose minute is over is the same, with the
// same mark, as the apiserver has it.
func stillDue(seen, live snapshots.Snapshot) bool {
	return live.UID == seen.UID && !live.Deleting && live.Ready == seen.Ready && live.Cut.Equal(seen.Cut) &&
		live.Annotations[v1alpha1.AnnotationPruning] == seen.Annotations[v1alpha1.AnnotationPruning]
}
