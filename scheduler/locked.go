package scheduler

import (
	"context"
	"fmt"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/snapshots"
)

// locks reads from the cache which classes lock their snapshots.
func (r *Reconciler) locks(ctx context.Context) (snapshots.Locks, error) {
	var classes snapshotv1.VolumeSnapshotClassList
	if err := r.Client.List(ctx, &classes, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list the volumesnapshotclasses, which say what is locked: %w", err)
	}
	return snapshots.LocksOf(classes.Items), nil
}
