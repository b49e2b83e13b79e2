package operations

import (
	"context"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A person says that the data of a volume is good, which only matters to one that came
// back empty.
var _ = register(Operation{
	Kind: plan.Kind{Name: "promote", Weight: 10, Draw: plan.AnyVolume},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		v, _ := w.Layout.Volume(args["volume"])
		claims, err := w.Claims(ctx, v)
		if err != nil || len(claims) == 0 {
			return err
		}
		return w.Snapback(ctx, v.Namespace, "promote", claims[0].Name)
	},
})
