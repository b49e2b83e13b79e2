package operations

import (
	"context"
	"math/rand/v2"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A person deletes the content of a snapshot, and by force also takes its finalizers
// away, so that it goes. Of a snapshot that is being deleted it stays: the
// snapshot-controller would not see for minutes that it is gone.
var _ = register(Operation{
	Kind: plan.Kind{Name: "delete-content", Weight: 6, Draw: func(r *rand.Rand, l plan.Layout) plan.Args {
		args := anySnapshot(2)(r, l)
		args["force"] = strconv.FormatBool(r.IntN(2) == 0)
		return args
	}},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		_, vs, err := the(ctx, w, args)
		if err != nil || vs == nil || vs.DeletionTimestamp != nil || vs.Status == nil || ptr.Deref(vs.Status.BoundVolumeSnapshotContentName, "") == "" {
			return err
		}
		content := &snapshotv1.VolumeSnapshotContent{ObjectMeta: metav1.ObjectMeta{Name: *vs.Status.BoundVolumeSnapshotContentName}}
		if err := w.Try(ctx, func(ctx context.Context) error { return client.IgnoreNotFound(w.People.Delete(ctx, content)) }); err != nil || args["force"] != "true" {
			return err
		}
		return w.Change(ctx, content, map[string]any{"metadata": map[string]any{"finalizers": nil}})
	},
})
