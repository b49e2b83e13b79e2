package operations

import (
	"context"
	"math/rand/v2"
	"strconv"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A node is lost with all of its disks, and some controllers of its cluster with it,
// where there are any.
var _ = register(Operation{
	Kind: plan.Kind{Name: "lose-node", Weight: 15, Draw: func(r *rand.Rand, l plan.Layout) plan.Args {
		args := plan.AnyNode(r, l)
		args["controllers"] = strconv.Itoa(r.IntN(4))
		return args
	}},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		c, _ := w.Layout.Cluster(args["cluster"])
		lost := c.Node(args.Number("node"))
		more := args.Number("controllers")
		for _, v := range c.Volumes {
			if v.Pool == plan.PoolController && v.Node != lost[0].Node && more > 0 {
				lost = append(lost, v)
				more--
			}
		}
		return lose(ctx, w, lost)
	},
})
