package operations

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A person changes a label or an annotation of a snapshot by which Snapback knows it,
// and corrects it after a while.
var _ = register(Operation{
	Kind: plan.Kind{Name: "relabel", Weight: 6, Draw: func(r *rand.Rand, l plan.Layout) plan.Args {
		args := anySnapshot(2)(r, l).Long(r, 25*time.Second)
		args["key"] = []string{v1alpha1.LabelCluster, v1alpha1.LabelVolume, v1alpha1.LabelBackup, v1alpha1.LabelRun,
			v1alpha1.AnnotationSlot, v1alpha1.AnnotationScheduledTime, v1alpha1.AnnotationLineage}[r.IntN(7)]
		if r.IntN(2) == 0 {
			args["to"] = "chaos" // else it is removed
		}
		return args
	}},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		_, vs, err := the(ctx, w, args)
		if err != nil || vs == nil {
			return err
		}
		key, to := args["key"], any(nil)
		if args["to"] != "" {
			to = args["to"]
		}
		set := func(sort string, value any) func(context.Context) error {
			return func(ctx context.Context) error {
				return w.Change(ctx, vs.DeepCopy(), map[string]any{"metadata": map[string]any{sort: map[string]any{key: value}}})
			}
		}
		if was, ok := vs.Labels[key]; ok {
			return awhile(ctx, args, set("labels", to), set("labels", was))
		}
		if was, ok := vs.Annotations[key]; ok {
			return awhile(ctx, args, set("annotations", to), set("annotations", was))
		}
		return nil
	},
})
