package operations

import (
	"context"
	"math/rand/v2"
	"strconv"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A KafkaBackup is suspended, or goes on. The end of a run lets all of them go on.
var _ = register(Operation{
	Kind: plan.Kind{Name: "suspend", Weight: 5, Draw: func(r *rand.Rand, l plan.Layout) plan.Args {
		args := plan.AnyCluster(r, l)
		args["suspend"] = strconv.FormatBool(r.IntN(3) == 0)
		return args
	}},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		return w.Change(ctx, world.KafkaBackup(args["cluster"]), map[string]any{"spec": map[string]any{"suspend": args["suspend"] == "true"}})
	},
})
