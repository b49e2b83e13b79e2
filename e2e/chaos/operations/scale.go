package operations

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A StatefulSet is scaled down for a while. The claim of its last node stays, or is
// deleted and made again when it is scaled up.
var _ = register(Operation{
	Kind: plan.Kind{Name: "scale", Weight: 5, Draw: func(r *rand.Rand, l plan.Layout) plan.Args {
		args := clusters(r, l, func(c plan.Cluster) bool { return c.Shape == plan.StatefulSet }).Long(r, 25*time.Second)
		args["delete"] = strconv.FormatBool(r.IntN(2) == 0)
		return args
	}},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		c, _ := w.Layout.Cluster(args["cluster"])
		all := len(c.Volumes)
		return awhile(ctx, args, func(ctx context.Context) error {
			if err := w.Scale(ctx, c, all-1); err != nil || args["delete"] != "true" {
				return err
			}
			return w.Lose(ctx, c.Volumes[all-1])
		}, func(ctx context.Context) error { return w.Scale(ctx, c, all) })
	},
})
