package scheduler

import (
	"context"
	"fmt"
	"slices"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/snapshots"
)

// deletedWithin is how long the deletion of a snapshot may take before it counts
// as stuck.
const deletedWithin = time.Hour

// locks reads from the cache which classes lock their snapshots.
func (r *Reconciler) locks(ctx context.Context) (snapshots.Locks, error) {
	var classes snapshotv1.VolumeSnapshotClassList
	if err := r.Client.List(ctx, &classes, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list the volumesnapshotclasses, which say what is locked: %w", err)
	}
	return snapshots.LocksOf(classes.Items), nil
}

// findLocked names the class of the KafkaBackup if it locks snapshots for longer
// than the retention keeps them.
func findLocked(_ context.Context, e *examination) ([]string, error) {
	class := e.seen.locks[e.seen.backup.Class]
	if class == nil {
		return nil, nil
	}
	lock, locked := snapshots.LockOf(class, e.now)
	if !locked || !snapshots.LockOutlives(lock, e.kb, e.seen.backup.Retention) {
		return nil, nil
	}
	return []string{class.Name}, nil
}

// findUndeleted names the snapshots of the KafkaBackup whose deletion was asked for,
// and that are still there after [deletedWithin].
func findUndeleted(_ context.Context, e *examination) ([]string, error) {
	var stuck []string
	for i := range e.seen.own {
		if s := &e.seen.own[i]; s.DeletedAt != nil && e.now.Sub(s.DeletedAt.Time) > deletedWithin {
			stuck = append(stuck, s.Name)
		}
	}
	slices.Sort(stuck)
	return stuck, nil
}
