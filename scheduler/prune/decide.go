package prune

import (
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
)

// Seen is what the cache has about a KafkaBackup. It may be older than the state
// of the apiserver.
type Seen struct {
	Backup snapshots.Backup
	Claims []claims.Claim       // claims of its cluster
	InUse  map[string]bool      // snapshots that Pending claims of the namespace wait for
	Own    []snapshots.Snapshot // the KafkaBackup's snapshots
}

// AllStay reports whether no snapshot may be pruned, whatever the retention says:
// people have frozen the KafkaBackup, or a claim of its cluster is being
// restored.
func (seen Seen) AllStay() bool {
	_, frozen := seen.Backup.Annotations[v1alpha1.AnnotationFreeze]
	return frozen || claims.Restoring(seen.Claims)
}

// blocking are the uncut snapshots of terminating claims. Each blocks its claim's
// deletion with a finalizer, and could later be cut from an empty claim with the
// same name.
func blocking(seen Seen) []snapshots.Snapshot {
	terminating := map[string]bool{}
	for _, c := range seen.Claims {
		if c.PVC.DeletionTimestamp != nil {
			terminating[c.PVC.Name] = true
		}
	}
	var found []snapshots.Snapshot
	for i := range seen.Own {
		if s := &seen.Own[i]; uncut(s) && terminating[s.SourcePVC] {
			found = append(found, *s)
		}
	}
	return found
}

func uncut(s *snapshots.Snapshot) bool { return s.Cut.IsZero() && !s.Ready && !s.Deleting }

// stillUncut reports whether the apiserver's version of an uncut snapshot is the
// same object, and still uncut.
func stillUncut(seen, live snapshots.Snapshot) bool { return live.UID == seen.UID && uncut(&live) }

// decide returns which snapshots to mark, unmark and delete now.
func decide(seen Seen, now time.Time) snapshots.Pruning {
	var prunable []snapshots.Snapshot
	if !seen.AllStay() {
		prunable = seen.Backup.Retention.Prunable(seen.Own, seen.InUse, now)
	}
	return snapshots.PlanPruning(seen.Own, prunable, now)
}

// Marked are the snapshots that are marked for pruning. When their KafkaBackup is
// gone, all of them must stay, since claims are restored from them.
func Marked(own []snapshots.Snapshot, now time.Time) []snapshots.Snapshot {
	return snapshots.PlanPruning(own, nil, now).Unmark
}

// stillDue reports whether the apiserver's version of a snapshot whose minute is
// over is the same object, and has the same mark and the same verdict of a drill.
func stillDue(seen, live snapshots.Snapshot) bool {
	return live.UID == seen.UID && !live.Deleting && live.Ready == seen.Ready && live.Damaged == seen.Damaged && live.Cut.Equal(seen.Cut) &&
		live.Annotations[v1alpha1.AnnotationPruning] == seen.Annotations[v1alpha1.AnnotationPruning]
}
