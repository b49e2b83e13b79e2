package operations

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A person takes a whole cluster back to one run by kubectl snapback, which leaves
// later snapshots aside. Its operator is stopped meanwhile.
var _ = register(Operation{
	Kind: plan.Kind{Name: "restore-all", Weight: 4, Draw: func(r *rand.Rand, l plan.Layout) plan.Args {
		args := plan.AnyCluster(r, l)
		args["age"] = strconv.Itoa(1 + r.IntN(3))
		return args
	}},
	Limit: 2 * time.Minute,
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		c, _ := w.Layout.Cluster(args["cluster"])
		_, vs, err := the(ctx, w, plan.Args{"volume": c.Volumes[0].Key, "age": args["age"]})
		if err != nil || vs == nil {
			return err
		}
		return persistently(ctx, w, c, "--all", "--from-run="+vs.Labels[v1alpha1.LabelRun], "--restore-quorum")
	},
})
