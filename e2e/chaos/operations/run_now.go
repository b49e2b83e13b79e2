package operations

import (
	"context"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A person asks for a backup now by kubectl snapback, and waits for it.
var _ = register(Operation{
	Kind: plan.Kind{Name: "run-now", Weight: 10, Draw: plan.AnyCluster},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		return w.Snapback(ctx, args["cluster"], "run", world.Backup, "--timeout=40s")
	},
})
