package scheduler

import (
	"context"
	"errors"
	"fmt"
	"sync"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/snapshots"
)

const parallelDeletes = 16

// release deletes the snapshots of terminating claims that were not cut yet:
// each holds its claim with a finalizer, and could later be cut from an empty
// claim of the same name.
func (r *Reconciler) release(ctx context.Context, b snapshots.Backup, all []claim, own []snapshots.Snapshot) (int, error) {
	terminating := map[string]bool{}
	for _, c := range all {
		if c.pvc.DeletionTimestamp != nil {
			terminating[c.pvc.Name] = true
		}
	}
	var uncut []snapshots.Snapshot
	for _, s := range own {
		if s.Cut.IsZero() && !s.Ready && !s.Deleting && terminating[s.SourcePVC] {
			uncut = append(uncut, s)
		}
	}
	return r.delete(ctx, b.Namespace, uncut)
}

// prune deletes what the backup's retention lets go. It does nothing while a
// claim of the cluster is being restored, or while the KafkaBackup is frozen.
func (r *Reconciler) prune(ctx context.Context, b snapshots.Backup, all []claim, own []snapshots.Snapshot) (int, error) {
	if _, frozen := b.Annotations[snapshots.AnnotationFreeze]; frozen {
		return 0, nil
	}
	if restoring(all) {
		return 0, nil
	}
	inUse, err := pendingSources(ctx, r.Client, b.Namespace)
	if err != nil {
		return 0, err
	}
	return r.delete(ctx, b.Namespace, b.Retention.Prunable(own, inUse, r.Clock.Now()))
}

// delete deletes the snapshots as they were seen: one that has changed since,
// such as by being held, stays. It returns how many it deleted.
func (r *Reconciler) delete(ctx context.Context, namespace string, doomed []snapshots.Snapshot) (int, error) {
	var mu sync.Mutex
	var errs []error
	deleted := 0
	var group errgroup.Group
	group.SetLimit(parallelDeletes)
	for _, s := range doomed {
		group.Go(func() error {
			vs := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: s.Name}}
			err := r.Client.Delete(ctx, vs, client.Preconditions{UID: &s.UID, ResourceVersion: ptr.To(s.ResourceVersion)})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				deleted++
			case apierrors.IsNotFound(err), apierrors.IsConflict(err): // looked at again when the cache knows
			default:
				errs = append(errs, fmt.Errorf("delete volumesnapshot %s/%s: %w", namespace, s.Name, err))
			}
			return nil
		})
	}
	_ = group.Wait() // its functions return nil
	return deleted, errors.Join(errs...)
}
