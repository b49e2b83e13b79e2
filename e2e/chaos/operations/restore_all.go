package operations

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A person takes a whole cluster back to the last complete run before a time by kubectl
// snapback, which leaves later snapshots aside. Its operator is stopped meanwhile.
var _ = register(Operation{
	Kind: plan.Kind{Name: "restore-all", Weight: 4, Draw: func(r *rand.Rand, l plan.Layout) plan.Args {
		args := plan.AnyCluster(r, l)
		args["back"] = (time.Duration(5+r.IntN(30)) * time.Second).String()
		return args
	}},
	Limit: 2 * time.Minute,
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		c, _ := w.Layout.Cluster(args["cluster"])
		back, err := time.ParseDuration(args["back"])
		if err != nil {
			return fmt.Errorf("how far back: %w", err)
		}
		before := time.Now().Add(-back).UTC().Format(time.RFC3339)
		return persistently(ctx, w, c, "--all", "--before="+before, "--restore-quorum")
	},
})
