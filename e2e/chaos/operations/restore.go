package operations

import (
	"context"
	"errors"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A person restores a node to its newest snapshots by kubectl snapback.
var _ = register(Operation{
	Kind:  plan.Kind{Name: "restore", Weight: 10, Draw: plan.AnyNode},
	Limit: 2 * time.Minute,
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		c, _ := w.Layout.Cluster(args["cluster"])
		return persistently(ctx, w, c, "--broker="+args["node"], "--restore-quorum")
	},
})

// tries is how often a restore is tried: the same command goes on where the last one has
// ended. After the last one, what it has left is taken away.
const tries = 5

// persistently runs kubectl snapback restore.
func persistently(ctx context.Context, w *world.World, c plan.Cluster, flags ...string) error {
	command := append([]string{"restore", c.Name, "--yes", "--discard-old-volumes", "--timeout=15s"}, flags...)
	var err error
	for n := 0; n < tries && ctx.Err() == nil; n++ {
		if err = w.Snapback(ctx, c.Namespace, command...); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(2 * time.Second):
		}
	}
	return errors.Join(err, w.GiveUp(context.WithoutCancel(ctx), c))
}
