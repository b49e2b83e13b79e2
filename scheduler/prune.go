package scheduler

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// pruneTimeout bounds what one look deletes: the KafkaBackup is looked at again
// only then.
const pruneTimeout = time.Minute

// release deletes the snapshots of terminating claims that were not cut yet:
// each holds its claim with a finalizer, and could later be cut from an empty
// claim of the same name. It returns how many it deleted, and whether the
// content of one is waited for.
func (r *Reconciler) release(ctx context.Context, b snapshots.Backup, all []claim, own []snapshots.Snapshot) (int, bool, error) {
	terminating := map[string]bool{}
	for _, c := range all {
		if c.pvc.DeletionTimestamp != nil {
			terminating[c.pvc.Name] = true
		}
	}
	var given []snapshots.Snapshot
	for _, s := range own {
		if s.Cut.IsZero() && !s.Ready && !s.Deleting && terminating[s.SourcePVC] {
			given = append(given, s)
		}
	}
	return eachDeleted(given, func(s snapshots.Snapshot) (bool, error) { return r.giveUp(ctx, b.Namespace, s) })
}

// giveUp deletes one that is still not cut. Its storage may have begun: what
// comes of it goes too, whatever the class retains.
func (r *Reconciler) giveUp(ctx context.Context, namespace string, seen snapshots.Snapshot) (bool, error) {
	var vs snapshotv1.VolumeSnapshot
	if err := r.APIReader.Get(ctx, types.NamespacedName{Namespace: namespace, Name: seen.Name}, &vs); err != nil {
		return false, fmt.Errorf("read volumesnapshot %s/%s: %w", namespace, seen.Name, err)
	}
	s, err := snapshots.NewSnapshot(&vs)
	if err != nil || s.UID != seen.UID || s.Deleting || s.Ready || !s.Cut.IsZero() {
		return false, nil //nolint:nilerr // the cache is behind
	}
	if dropped, err := r.dropContent(ctx, &vs); err != nil || !dropped {
		return false, err
	}
	if err := r.delete(ctx, namespace, s); err != nil {
		return false, err
	}
	return true, nil
}

// eachDeleted deletes snapshots, some at a time. It returns how many went, and
// whether one is waited for.
func eachDeleted(all []snapshots.Snapshot, del func(snapshots.Snapshot) (bool, error)) (int, bool, error) {
	var deleted atomic.Int32
	var waiting atomic.Bool
	err := each(all, func(s snapshots.Snapshot) error {
		gone, err := del(s)
		switch {
		case err != nil:
			return err
		case gone:
			deleted.Add(1)
		default:
			waiting.Store(true)
		}
		return nil
	})
	return int(deleted.Load()), waiting.Load(), err
}

// delete deletes a snapshot as it was seen: one that has changed since, such as
// by being held, stays, which is a conflict.
func (r *Reconciler) delete(ctx context.Context, namespace string, s snapshots.Snapshot) error {
	vs := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: s.Name}}
	if err := r.Client.Delete(ctx, vs, client.Preconditions{UID: &s.UID, ResourceVersion: ptr.To(s.ResourceVersion)}); err != nil {
		return fmt.Errorf("delete volumesnapshot %s/%s: %w", namespace, s.Name, err)
	}
	return nil
}

// prune marks what the backup's retention lets go, and deletes what was marked
// a minute ago. While a claim of the cluster is being restored, or the
// KafkaBackup is frozen, nothing goes and nothing is marked. It returns how
// many it deleted, and when to look again; 0: there is nothing to wait for.
func (r *Reconciler) prune(ctx context.Context, b snapshots.Backup, all []claim, own []snapshots.Snapshot) (int, time.Duration, error) {
	now := r.Clock.Now()
	var prunable []snapshots.Snapshot
	if _, frozen := b.Annotations[v1alpha1.AnnotationFreeze]; !frozen && !restoring(all) {
		pvcs, err := listClaims(ctx, r.Client, b.Namespace)
		if err != nil {
			return 0, 0, err
		}
		prunable = b.Retention.Prunable(own, pendingSources(pvcs), now)
	}
	plan := snapshots.PlanPruning(own, prunable, now)
	mark := map[string]any{v1alpha1.AnnotationPruning: now.UTC().Format(time.RFC3339)}
	err := errors.Join(
		each(plan.Unmark, func(s snapshots.Snapshot) error { return r.spare(ctx, b.Namespace, s) }),
		each(plan.Mark, func(s snapshots.Snapshot) error { return r.annotate(ctx, b.Namespace, s, mark) }),
	)
	deleted, waiting, deleteErr := r.deleteMarked(ctx, b, plan.Delete)
	if waiting {
		return deleted, contentSettles, errors.Join(err, deleteErr)
	}
	return deleted, plan.Next, errors.Join(err, deleteErr)
}

// deleteMarked deletes the snapshots whose minute is over, after a look at the
// apiserver itself. It returns how many it deleted, and whether the content of
// one is waited for.
func (r *Reconciler) deleteMarked(ctx context.Context, b snapshots.Backup, due []snapshots.Snapshot) (int, bool, error) {
	if len(due) == 0 {
		return 0, false, nil
	}
	pvcs, err := listClaims(ctx, r.APIReader, b.Namespace)
	if err != nil {
		return 0, false, err
	}
	stay := restoring(clusterClaims(pvcs, b))
	inUse := pendingSources(pvcs)
	return eachDeleted(due, func(s snapshots.Snapshot) (bool, error) {
		return r.deleteOne(ctx, b.Namespace, s, stay || inUse[s.Name])
	})
}

// deleteOne looks at a marked snapshot again, and unmarks or deletes it. It
// reports whether it was deleted.
func (r *Reconciler) deleteOne(ctx context.Context, namespace string, seen snapshots.Snapshot, stay bool) (bool, error) {
	var vs snapshotv1.VolumeSnapshot
	if err := r.APIReader.Get(ctx, types.NamespacedName{Namespace: namespace, Name: seen.Name}, &vs); err != nil {
		return false, fmt.Errorf("read volumesnapshot %s/%s: %w", namespace, seen.Name, err)
	}
	s, err := snapshots.NewSnapshot(&vs)
	if err != nil || s.UID != seen.UID || s.Deleting || s.Ready != seen.Ready || !s.Cut.Equal(seen.Cut) ||
		s.Annotations[v1alpha1.AnnotationPruning] != seen.Annotations[v1alpha1.AnnotationPruning] {
		return false, nil //nolint:nilerr // the cache is behind: it is judged again when it knows
	}
	if stay || s.Held {
		return false, r.spare(ctx, namespace, s)
	}
	if dropped, err := r.dropContent(ctx, &vs); err != nil || !dropped {
		return false, err
	}
	if err := r.delete(ctx, namespace, s); err != nil {
		return false, err
	}
	return true, nil
}

// spare takes the mark off a snapshot that is to stay after all. The mark goes
// last: it is what the next look knows by.
func (r *Reconciler) spare(ctx context.Context, namespace string, s snapshots.Snapshot) error {
	if err := r.keepContent(ctx, namespace, s.Name); err != nil {
		return err
	}
	return r.annotate(ctx, namespace, s, map[string]any{v1alpha1.AnnotationPruning: nil})
}

// spareAll takes the marks off the snapshots of a KafkaBackup that is gone:
// they stay, and claims are restored from them.
func (r *Reconciler) spareAll(ctx context.Context, backup types.NamespacedName) error {
	own, err := r.snapshotsOf(ctx, snapshots.Backup{Namespace: backup.Namespace, Name: backup.Name})
	if err != nil {
		return err
	}
	marked := snapshots.PlanPruning(own, nil, r.Clock.Now()).Unmark
	return each(marked, func(s snapshots.Snapshot) error { return r.spare(ctx, backup.Namespace, s) })
}
