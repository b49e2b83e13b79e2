package operations

import (
	"context"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A person holds a run by kubectl snapback, or lets go of one with all that keeps it.
var _ = register(Operation{
	Kind: plan.Kind{Name: "hold-run", Weight: 5, Draw: anySnapshot(4)},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		return ofRun(ctx, w, args, "hold", "--reason=chaos")
	},
})

var _ = register(Operation{
	Kind: plan.Kind{Name: "release-run", Weight: 10, Draw: anySnapshot(6)},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		return ofRun(ctx, w, args, "release", "--abandoned")
	},
})

// ofRun runs a command about the run of a snapshot.
func ofRun(ctx context.Context, w *world.World, args plan.Args, command ...string) error {
	v, vs, err := the(ctx, w, args)
	if err != nil || vs == nil {
		return err
	}
	return w.Snapback(ctx, v.Namespace, append(command, "--run="+vs.Labels[v1alpha1.LabelRun])...)
}
