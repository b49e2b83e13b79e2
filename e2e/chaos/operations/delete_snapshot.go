package operations

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A person deletes a snapshot: the newest one of a volume, or one of those before it.
var _ = register(Operation{
	Kind: plan.Kind{Name: "delete-snapshot", Weight: 10, Draw: anySnapshot(2)},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		return w.Try(ctx, func(ctx context.Context) error {
			_, vs, err := the(ctx, w, args)
			if err != nil || vs == nil {
				return err
			}
			return client.IgnoreNotFound(w.People.Delete(ctx, vs))
		})
	},
})
