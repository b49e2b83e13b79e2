package prune

import (
	"time"

	corev1 "k8s.io/api/core/v1"

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

// AllStay reports whether no snapshot may be deleted, whatever the retention says:
// people have frozen the KafkaBackup, or a claim of its cluster is being
// restored.
func (seen Seen) AllStay() bool {
	return seen.frozen() || claims.Restoring(seen.Claims)
}

func (seen Seen) frozen() bool {
	_, frozen := seen.Backup.Annotations[v1alpha1.AnnotationFreeze]
	return frozen
}

// blocking are the snapshots that are not cut, or not any more, whose claims terminate, are gone, or were replaced by
// another one of their name, as far as the cache knows. Each blocks its claim's deletion
// with a finalizer, or would be cut from the next claim: its volume may be empty, and
// the snapshot would say that it holds the data of the one that was lost.
func blocking(seen Seen) []snapshots.Snapshot {
	now := make(map[string]*corev1.PersistentVolumeClaim, len(seen.Claims))
	for _, c := range seen.Claims {
		now[c.PVC.Name] = c.PVC
	}
	var found []snapshots.Snapshot
	for i := range seen.Own {
		if s := &seen.Own[i]; (uncut(s) || mayBeLost(s)) && !s.Imported && !stays(now[s.SourcePVC], s) {
			found = append(found, *s)
		}
	}
	return found
}

// stays reports whether an uncut snapshot will be cut from the claim that it was created
// for. pvc is the claim of that name; nil: there is none.
func stays(pvc *corev1.PersistentVolumeClaim, s *snapshots.Snapshot) bool {
	return pvc != nil && pvc.DeletionTimestamp == nil && !replaces(pvc, s)
}

// replaces reports whether a claim is another one than that which a snapshot was created
// for.
func replaces(pvc *corev1.PersistentVolumeClaim, s *snapshots.Snapshot) bool {
	return s.SourcePVCUID != "" && string(pvc.UID) != s.SourcePVCUID
}

func uncut(s *snapshots.Snapshot) bool { return s.Cut.IsZero() && !s.Ready && !s.Deleting }

// stillBlocks reports whether the apiserver's version of a snapshot is the same object,
// and still not cut, or perhaps lost.
func stillBlocks(seen, live snapshots.Snapshot) bool {
	return live.UID == seen.UID && (uncut(&live) || mayBeLost(&live))
}

// decide returns which snapshots to mark, unmark and delete now. While a claim of the
// cluster is being restored, those that are marked stay so: where some claim always is,
// each would otherwise be marked again and again, and never be deleted.
func decide(seen Seen, now time.Time) snapshots.Pruning {
	var prunable []snapshots.Snapshot
	if !seen.frozen() {
		prunable = seen.Backup.Retention.Prunable(seen.Own, seen.InUse, now)
	}
	plan := snapshots.PlanPruning(seen.Own, prunable, now)
	if claims.Restoring(seen.Claims) {
		return snapshots.Pruning{Unmark: plan.Unmark}
	}
	return plan
}

// holdBack deletes nothing for a while at the begin of a term: the leader before may have
// marked by a clock that was behind.
func holdBack(plan snapshots.Pruning, wait time.Duration) snapshots.Pruning {
	if wait > 0 && len(plan.Delete) > 0 {
		plan.Delete = nil
		if plan.Next == 0 || wait < plan.Next {
			plan.Next = wait
		}
	}
	return plan
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
