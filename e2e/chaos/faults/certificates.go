package faults

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
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
		if args["how"] == "renewed" {
			return nil, renewWebhook(w)
		}
		expired.Add(1)
		return func() error {
			expired.Add(-1)
			return renewWebhook(w)
		}, renewWebhook(w)
	},
})

// expired is how many faults have the certificate run out.
var expired atomic.Int64

// renewWebhook puts a new certificate there, which has run out if a fault wants it so.
func renewWebhook(w *world.World) error {
	if expired.Load() > 0 {
		return w.Stage.RenewWebhook(time.Now().Add(-time.Second))
	}
	return w.Stage.RenewWebhook(w.Stage.Authority().Until())
}
