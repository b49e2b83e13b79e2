package operations

import (
	"context"
	"math/rand/v2"
	"strconv"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A person deletes a snapshot: the newest one of a volume, or one of those before it.
var _ = register(Operation{
	Kind: plan.Kind{Name: "delete-snapshot", Weight: 10, Draw: func(r *rand.Rand, l plan.Layout) plan.Args {
		args := plan.AnyVolume(r, l)
		args["age"] = strconv.Itoa(r.IntN(3))
		return args
	}},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		v, _ := w.Layout.Volume(args["volume"])
		age, err := strconv.Atoi(args["age"])
		if err != nil {
			return err
		}
		return w.Try(ctx, func(ctx context.Context) error {
			snapshots, err := w.Snapshots(ctx, v)
			if err != nil || len(snapshots) <= age {
				return err
			}
			return client.IgnoreNotFound(w.People.Delete(ctx, &snapshots[len(snapshots)-1-age]))
		})
	},
})
