package faults

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/proxy"
)

// Every second list of a component takes fifteen seconds longer; all else works.
var _ = register(Fault{
	Kind: plan.Kind{Name: "slow-lists", Weight: 6, Longest: 20 * time.Second, Draw: func(r *rand.Rand, _ plan.Layout) plan.Args {
		return plan.Args{"component": anyClient(r)}
	}},
	Begin: inProxy(func(args plan.Args) proxy.Fault {
		var asked atomic.Int64
		return func(r proxy.Request) proxy.Effect {
			if r.Component != args["component"] || !r.List || r.Open || asked.Add(1)%2 != 0 {
				return proxy.Effect{}
			}
			return proxy.Effect{Name: "slow-list", Delay: 15 * time.Second}
		}
	}),
})
