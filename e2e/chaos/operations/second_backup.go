package operations

import (
	"context"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A cluster has a second KafkaBackup for a while.
var _ = register(Operation{
	Kind: plan.Kind{Name: "second-backup", Weight: 5, Draw: func(r *rand.Rand, l plan.Layout) plan.Args {
		return plan.AnyCluster(r, l).Long(r, 50*time.Second)
	}},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		c, _ := w.Layout.Cluster(args["cluster"])
		return awhile(ctx, args, func(ctx context.Context) error {
			return w.Try(ctx, func(ctx context.Context) error {
				if err := w.People.Create(ctx, world.Second(c)); !apierrors.IsAlreadyExists(err) {
					return err
				}
				return nil
			})
		}, func(ctx context.Context) error {
			return w.Try(ctx, func(ctx context.Context) error {
				return client.IgnoreNotFound(w.People.Delete(ctx, world.Second(c)))
			})
		})
	},
})
