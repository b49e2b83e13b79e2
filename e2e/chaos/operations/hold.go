package operations

import (
	"context"
	"math/rand/v2"
	"strconv"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A person holds the oldest snapshot of a volume, or lets go of all that are held.
var _ = register(Operation{
	Kind: plan.Kind{Name: "hold", Weight: 10, Draw: func(r *rand.Rand, l plan.Layout) plan.Args {
		args := plan.AnyVolume(r, l)
		args["hold"] = strconv.FormatBool(r.IntN(2) == 0)
		return args
	}},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		v, _ := w.Layout.Volume(args["volume"])
		snapshots, err := w.Snapshots(ctx, v)
		if err != nil || len(snapshots) == 0 {
			return err
		}
		if args["hold"] == "true" {
			return w.Annotate(ctx, &snapshots[0], v1alpha1.AnnotationHold, "chaos")
		}
		for i := range snapshots {
			if _, held := snapshots[i].Annotations[v1alpha1.AnnotationHold]; held {
				if err := w.Annotate(ctx, &snapshots[i], v1alpha1.AnnotationHold, nil); err != nil {
					return err
				}
			}
		}
		return nil
	},
})
