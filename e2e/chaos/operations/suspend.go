package operations

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A KafkaBackup is suspended for a while.
var _ = register(Operation{
	Kind: plan.Kind{Name: "suspend", Weight: 5, Draw: func(r *rand.Rand, l plan.Layout) plan.Args {
		args := plan.AnyCluster(r, l)
		args["for"] = (time.Second + time.Duration(r.Int64N(int64(20*time.Second)))).Round(time.Millisecond).String()
		return args
	}},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		long, err := time.ParseDuration(args["for"])
		if err != nil {
			return err
		}
		if err := suspend(ctx, w, args["cluster"], true); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(long):
		}
		return suspend(context.WithoutCancel(ctx), w, args["cluster"], false)
	},
})

func suspend(ctx context.Context, w *world.World, cluster string, on bool) error {
	return w.Change(ctx, world.KafkaBackup(cluster), map[string]any{"spec": map[string]any{"suspend": on}})
}
