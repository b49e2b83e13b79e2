package operations

import (
	"context"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// The claim of one node goes with its data.
var _ = register(Operation{
	Kind: plan.Kind{Name: "lose-one", Weight: 40, Draw: plan.AnyVolume},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		v, _ := w.Layout.Volume(args["volume"])
		return w.Lose(ctx, v)
	},
})
