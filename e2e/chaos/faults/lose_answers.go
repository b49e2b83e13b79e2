package faults

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/proxy"
)

// What a component writes takes place, and every third time it never hears so.
var _ = register(Fault{
	Kind: plan.Kind{Name: "lose-answers", Weight: 10, Longest: 15 * time.Second, Draw: func(r *rand.Rand, _ plan.Layout) plan.Args {
		return plan.Args{"component": anyComponent(r)}
	}},
	Begin: inProxy(func(args plan.Args) proxy.Fault {
		var asked atomic.Int64
		return func(r proxy.Request) proxy.Effect {
			if r.Component != args["component"] || r.Verb == "GET" || asked.Add(1)%3 != 0 {
				return proxy.Effect{}
			}
			return proxy.Effect{Name: "lost answer", Lose: true}
		}
	}),
})
