package faults

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// The webhook's certificate is renewed while it runs, or has run out until the end of
// the fault, which renews it.
var _ = register(Fault{
	Kind: plan.Kind{Name: "certificate", Weight: 8, Longest: 20 * time.Second, Draw: func(r *rand.Rand, _ plan.Layout) plan.Args {
		return plan.Args{"how": []string{"renewed", "expired"}[r.IntN(2)]}
	}},
	Begin: func(_ context.Context, w *world.World, args plan.Args) (func() error, error) {
		valid := w.Stage.Authority().Until()
		until := valid
		if args["how"] == "expired" {
			until = time.Now().Add(-time.Second)
		}
		return func() error { return w.Stage.RenewWebhook(valid) }, w.Stage.RenewWebhook(until)
	},
})
