package faults

import (
	"math/rand/v2"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/proxy"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// The connections of a CSI sidecar to the driver, or of the apiserver to etcd, are cut,
// slow, or open with nothing coming through until they end.
var _ = register(Fault{
	Kind: plan.Kind{Name: "link", Weight: 12, Longest: 20 * time.Second, Draw: func(r *rand.Rand, _ plan.Layout) plan.Args {
		return plan.Args{"link": world.Links[r.IntN(len(world.Links))], "how": []string{"cut", "slow", "half-open"}[r.IntN(3)]}
	}},
	Begin: inProxy(func(args plan.Args) proxy.Fault {
		effect := map[string]proxy.Effect{
			"cut":       {Name: "cut", Cut: true},
			"slow":      {Name: "slow", Delay: 300 * time.Millisecond},
			"half-open": {Name: "half-open", Hang: true},
		}[args["how"]]
		return func(r proxy.Request) proxy.Effect {
			if r.Component != args["link"] {
				return proxy.Effect{}
			}
			return effect
		}
	}),
})
