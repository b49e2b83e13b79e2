package faults

import (
	"context"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A program stops where it is (SIGSTOP) and goes on later, with all that it knew.
var _ = register(Fault{
	Kind: plan.Kind{Name: "pause", Weight: 20, Longest: 25 * time.Second, Draw: plan.AnyProgram},
	Begin: func(_ context.Context, w *world.World, args plan.Args) (func() error, error) {
		return func() error { return w.Stage.Resume(args["program"]) }, w.Stage.Pause(args["program"])
	},
})
