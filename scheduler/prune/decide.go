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

// AllStay reports whether no snapshot may be pruned, whatever the retention says:
// people have frozen the KafkaBackup, or a claim of its cluster is being
// restored.
func (seen Seen) AllStay() bool {
	_, frozen := seen.Backup.Annotations[v1alpha1.AnnotationFreeze]
	return frozen || claims.Restoring(seen.Claims)
}

// blocking are the uncut snapshots of claims that terminate, or that another claim of
// their name has replaced. Each blocks its claim's deletion with a finalizer, or
// would be cut from the other claim: its volume may be empty, and the snapshot would say
// that it holds the data of the one that was lost.
func blocking(seen Seen) []snapshots.Snapshot {
	now := map[string]*corev1.PersistentVolumeClaim{}
	for _, c := range seen.Claims {
		now[c.PVC.Name] = c.PVC
	}
	var found []snapshots.Snapshot
	for i := range seen.Own {
		s := &seen.Own[i]
		if pvc := now[s.SourcePVC]; pvc != nil && uncut(s) && (pvc.DeletionTimestamp != nil || replaces(pvc, s)) {
			found = append(found, *s)
		}
	}
	return found
}

// orphans are the uncut snapshots whose claim is gone. As soon as there is another claim
// of its name, such a snapshot would be cut from that one.
func orphans(seen Seen) []snapshots.Snapshot {
	there := map[string]bool{}
	for _, c := range seen.Claims {
		there[c.PVC.Name] = true
	}
	var found []snapshots.Snapshot
	for i := range seen.Own {
		if s := &seen.Own[i]; uncut(s) && s.SourcePVCUID != "" && !there[s.SourcePVC] {
			found = append(found, *s)
		}
	}
	return found
}

// replaces reports whether a claim was made in place of the one that a snapshot was to
// be taken of. One that is older than the snapshot is in a cache that is behind.
func replaces(pvc *corev1.PersistentVolumeClaim, s *snapshots.Snapshot) bool {
	return s.SourcePVCUID != "" && string(pvc.UID) != s.SourcePVCUID && !pvc.CreationTimestamp.Time.Before(s.Scheduled)
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
