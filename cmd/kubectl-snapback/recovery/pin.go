package recovery

import (
	"context"
	"errors"
	"fmt"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/mergepatch"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// pin holds and pins the snapshots of the plan, except those whose claims are
// replaced already.
func (r *Runner) pin(ctx context.Context) error {
	return r.each(func(item *Item) error {
		if item.Done {
			return nil
		}
		err := r.annotateSnapshot(ctx, item, func(vs *snapshotv1.VolumeSnapshot) (map[string]any, error) {
			if _, going := vs.Annotations[v1alpha1.AnnotationPruning]; going || vs.DeletionTimestamp != nil {
				return nil, errors.New("it is being deleted")
			}
			if m, ok := markOf(vs.Annotations); ok && m.restore != r.Plan.Restore {
				return nil, fmt.Errorf("another restore has pinned it since, %s: finish that first", m.restore)
			}
			change := map[string]any{
				v1alpha1.AnnotationRestoreNext: v1alpha1.ValueTrue,
				v1alpha1.AnnotationRestoring:   mark{r.Plan.Restore, item.Replaces}.String(),
			}
			if vs.Annotations[v1alpha1.AnnotationHold] == "" { // somebody's own reason stays
				change[v1alpha1.AnnotationHold] = holdText(r.Plan.Restore)
			}
			return change, nil
		})
		if err == nil {
			r.say("VolumeSnapshot %s is held, and pinned for the next claim of its volume", item.Snapshot.Name)
		}
		return err
	})
}

// alone returns an error if another restore of the cluster was started after the
// plan was made. Of two that start at the same time, at least one sees the other.
func (r *Runner) alone(ctx context.Context) error {
	var list snapshotv1.VolumeSnapshotList
	if err := r.Client.List(ctx, &list, client.InNamespace(r.Plan.Cluster.Namespace)); err != nil {
		return fmt.Errorf("list the volumesnapshots: %w", err)
	}
	for _, vs := range list.Items {
		s, err := snapshots.NewSnapshot(&vs)
		if err != nil { // not a snapshot of Snapback
			continue
		}
		v, ok := snapshots.VolumeOf(vs.Namespace, s)
		m, begun := markOf(vs.Annotations)
		if ok && begun && v.Cluster == r.Plan.Cluster.Name && m.restore != r.Plan.Restore {
			return fmt.Errorf("another restore of the cluster, %s, was begun meanwhile: finish it first, with %s", m.restore, m.command(r.Plan.Cluster))
		}
	}
	return nil
}

// letGo removes the annotations that pin has set, and no others. The scheduler may
// have removed the pin before.
func (r *Runner) letGo(ctx context.Context) error {
	return r.each(func(item *Item) error {
		err := r.annotateSnapshot(ctx, item, func(vs *snapshotv1.VolumeSnapshot) (map[string]any, error) {
			if m, ok := markOf(vs.Annotations); !ok || m.restore != r.Plan.Restore {
				return nil, nil
			}
			change := map[string]any{v1alpha1.AnnotationRestoring: nil, v1alpha1.AnnotationRestoreNext: nil}
			if vs.Annotations[v1alpha1.AnnotationHold] == holdText(r.Plan.Restore) {
				change[v1alpha1.AnnotationHold] = nil
			}
			return change, nil
		})
		return client.IgnoreNotFound(err)
	})
}

// each calls do for each volume of the plan.
func (r *Runner) each(do func(*Item) error) error {
	for n := range r.Plan.Items {
		if err := do(&r.Plan.Items[n]); err != nil {
			return err
		}
	}
	return nil
}

// annotateSnapshot changes annotations of an item's snapshot. It is an error if
// that is not the one in the plan any more.
func (r *Runner) annotateSnapshot(ctx context.Context, item *Item, change func(*snapshotv1.VolumeSnapshot) (map[string]any, error)) error {
	key := client.ObjectKey{Namespace: item.Volume.Namespace, Name: item.Snapshot.Name}
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		vs := &snapshotv1.VolumeSnapshot{}
		if err := r.Client.Get(ctx, key, vs); err != nil {
			return err
		}
		if vs.UID != item.Snapshot.UID {
			return errors.New("it was deleted and created again since the plan was made")
		}
		what, err := change(vs)
		if err != nil || what == nil {
			return err
		}
		return patch(ctx, r.Client, vs, mergepatch.Annotations(what))
	})
	if err != nil {
		return fmt.Errorf("annotate volumesnapshot %s: %w", key, err)
	}
	return nil
}
