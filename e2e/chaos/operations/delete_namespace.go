package operations

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A person deletes the namespace of a cluster with all that is in it. Who deploys the
// cluster makes it again.
var _ = register(Operation{
	Kind: plan.Kind{Name: "delete-namespace", Weight: 2, Draw: plan.AnyCluster},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		return w.Try(ctx, func(ctx context.Context) error {
			return client.IgnoreNotFound(w.People.Delete(ctx, world.Namespace(args["cluster"])))
		})
	},
})
