package faults

import (
	"math/rand/v2"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/proxy"
)

// The connections of a component to the apiserver are cut, watches included.
var _ = register(Fault{
	Kind: plan.Kind{Name: "cut", Weight: 6, Longest: 20 * time.Second, Draw: func(r *rand.Rand, _ plan.Layout) plan.Args {
		return plan.Args{"component": anyComponent(r)}
	}},
	Begin: inProxy(func(args plan.Args) proxy.Fault {
		return func(r proxy.Request) proxy.Effect {
			if r.Component != args["component"] {
				return proxy.Effect{}
			}
			return proxy.Effect{Name: "cut", Cut: true}
		}
	}),
})
