package operations

import (
	"context"
	"math/rand/v2"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
	"github.com/snapback-dev/snapback/e2e/cluster"
)

// A person deletes a VolumeSnapshotClass, and makes it again after a while.
var _ = register(Operation{
	Kind: plan.Kind{Name: "delete-class", Weight: 3, Draw: func(r *rand.Rand, _ plan.Layout) plan.Args {
		return plan.Args{"class": []string{cluster.SnapshotClass, world.SlowSnapshots}[r.IntN(2)]}.Long(r, 15*time.Second)
	}},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		return awhile(ctx, args, func(ctx context.Context) error {
			return w.Try(ctx, func(ctx context.Context) error {
				return client.IgnoreNotFound(w.People.Delete(ctx, w.Class(args["class"])))
			})
		}, func(ctx context.Context) error { return w.MakeClass(ctx, args["class"]) })
	},
})
