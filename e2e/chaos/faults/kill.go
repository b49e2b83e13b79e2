package faults

import (
	"context"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A program is killed with -9, and stays away for a while.
var _ = register(Fault{
	Kind: plan.Kind{Name: "kill", Weight: 20, Longest: 8 * time.Second, Draw: plan.AnyProgram},
	Begin: func(_ context.Context, w *world.World, args plan.Args) (func() error, error) {
		return func() error { return w.Stage.Revive(args["program"]) }, w.Stage.Kill(args["program"])
	},
})
