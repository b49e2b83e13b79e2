package operations

import (
	"context"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A person chooses a snapshot for a volume, by hand, and takes its claim away.
var _ = register(Operation{
	Kind: plan.Kind{Name: "pin", Weight: 10, Draw: anySnapshot(3)},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		v, vs, err := the(ctx, w, args)
		if err != nil || vs == nil {
			return err
		}
		if err := w.Annotate(ctx, vs, v1alpha1.AnnotationRestoreNext, v1alpha1.ValueTrue); err != nil {
			return err
		}
		return w.Lose(ctx, v)
	},
})
