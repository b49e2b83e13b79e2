package operations

import (
	"context"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A cluster is lost whole, its controllers too.
var _ = register(Operation{
	Kind: plan.Kind{Name: "lose-cluster", Weight: 5, Draw: plan.AnyCluster},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		c, _ := w.Layout.Cluster(args["cluster"])
		return lose(ctx, w, c.Volumes)
	},
})
