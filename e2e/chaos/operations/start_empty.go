package operations

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A person has a node start empty by kubectl snapback, takes its claims away, and takes
// the pin off again, or forgets it until it is over.
var _ = register(Operation{
	Kind: plan.Kind{Name: "start-empty", Weight: 6, Draw: func(r *rand.Rand, l plan.Layout) plan.Args {
		args := plan.AnyNode(r, l).Long(r, 15*time.Second)
		args["cancel"] = strconv.FormatBool(r.IntN(2) == 0)
		return args
	}},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		c, _ := w.Layout.Cluster(args["cluster"])
		volumes := c.Node(args.Number("node"))
		command := []string{"start-empty", args["node"], "--cluster=" + c.Name}
		begin := func(ctx context.Context) error {
			if err := w.Snapback(ctx, c.Namespace, append(command, "--for=20s", "--yes")...); err != nil {
				return err
			}
			return lose(ctx, w, volumes)
		}
		return awhile(ctx, args, begin, func(ctx context.Context) error {
			if args["cancel"] != "true" {
				return nil
			}
			return w.Try(ctx, func(ctx context.Context) error { return w.Snapback(ctx, c.Namespace, append(command, "--cancel")...) })
		})
	},
})
