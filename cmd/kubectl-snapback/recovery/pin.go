package recovery

import (
	"context"
	"errors"
	"fmt"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/snapshots"
)

// pin holds and pins the snapshots of the plan. Those whose claims are
// replaced already are left as they are.
func (r *Runner) pin(ctx context.Context) error {
	return r.each(func(stage *Stage, item *Item) error {
		if item.Done {
			return nil
		}
		err := r.annotateSnapshot(ctx, item, func(vs *snapshotv1.VolumeSnapshot) (map[string]any, error) {
			if _, going := vs.Annotations[snapshots.AnnotationPruning]; going || vs.DeletionTimestamp != nil {
				return nil, errors.New("it is being deleted")
			}
			change := map[string]any{
				snapshots.AnnotationRestoreNext: "true",
				AnnotationRestoring:             mark{stage.Restore, item.Replaces}.String(),
			}
			if vs.Annotations[snapshots.AnnotationHold] == "" { // somebody's own reason stays
				change[snapshots.AnnotationHold] = holdText(stage.Restore)
			}
			return change, nil
		})
		if err == nil {
			r.say("VolumeSnapshot %s is held, and pinned for the next claim of its volume", item.Snapshot.Name)
		}
		return err
	})
}

// letGo takes off what pin has put on, and nothing else. The scheduler may have
// taken the pin off before.
func (r *Runner) letGo(ctx context.Context) error {
	return r.each(func(stage *Stage, item *Item) error {
		err := r.annotateSnapshot(ctx, item, func(vs *snapshotv1.VolumeSnapshot) (map[string]any, error) {
			if vs.Annotations[AnnotationRestoring] == "" {
				return nil, nil
			}
			change := map[string]any{AnnotationRestoring: nil, snapshots.AnnotationRestoreNext: nil}
			if vs.Annotations[snapshots.AnnotationHold] == holdText(stage.Restore) {
				change[snapshots.AnnotationHold] = nil
			}
			return change, nil
		})
		return client.IgnoreNotFound(err)
	})
}

// each goes through the volumes of the plan.
func (r *Runner) each(do func(*Stage, *Item) error) error {
	for s := range r.Plan.Stages {
		stage := &r.Plan.Stages[s]
		for n := range stage.Items {
			if err := do(stage, &stage.Items[n]); err != nil {
				return err
			}
		}
	}
	return nil
}

// annotateSnapshot changes annotations of an item's snapshot, which must be
// the one that was planned with.
func (r *Runner) annotateSnapshot(ctx context.Context, item *Item, change func(*snapshotv1.VolumeSnapshot) (map[string]any, error)) error {
	key := client.ObjectKey{Namespace: item.Volume.Namespace, Name: item.Snapshot.Name}
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		vs := &snapshotv1.VolumeSnapshot{}
		if err := r.Client.Get(ctx, key, vs); err != nil {
			return err
		}
		if vs.UID != item.Snapshot.UID {
			return errors.New("it is another one than was planned with")
		}
		what, err := change(vs)
		if err != nil || what == nil {
			return err
		}
		return patch(ctx, r.Client, vs, annotations(what))
	})
	if err != nil {
		return fmt.Errorf("annotate volumesnapshot %s: %w", key.Name, err)
	}
	return nil
}
