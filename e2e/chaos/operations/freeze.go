package operations

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A person stops all pruning of a cluster for a while by kubectl snapback, mostly for
// longer than a deletion that is under way may take.
var _ = register(Operation{
	Limit: 2 * time.Minute,
	Kind: plan.Kind{Name: "freeze", Weight: 6, Draw: func(r *rand.Rand, l plan.Layout) plan.Args {
		return plan.AnyCluster(r, l).Long(r, 80*time.Second)
	}},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		return awhile(ctx, args, func(ctx context.Context) error {
			return w.Snapback(ctx, args["cluster"], "freeze", world.Backup, "--reason=chaos")
		}, func(ctx context.Context) error {
			return w.Try(ctx, func(ctx context.Context) error { return w.Snapback(ctx, args["cluster"], "unfreeze", world.Backup) })
		})
	},
})
