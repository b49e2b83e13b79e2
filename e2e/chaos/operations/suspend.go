package operations

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A KafkaBackup is suspended for a while.
var _ = register(Operation{
	Kind: plan.Kind{Name: "suspend", Weight: 5, Draw: func(r *rand.Rand, l plan.Layout) plan.Args {
		return plan.AnyCluster(r, l).Long(r, 20*time.Second)
	}},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		to := func(suspend bool) func(context.Context) error {
			return func(ctx context.Context) error {
				return w.ChangeSpec(ctx, args["cluster"], func(s *v1alpha1.KafkaBackupSpec) { s.Suspend = suspend })
			}
		}
		return awhile(ctx, args, to(true), to(false))
	},
})
