package faults

import (
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/proxy"
)

// Every third write of a component comes too late: somebody else has changed the object.
var _ = register(Fault{
	Kind: plan.Kind{Name: "conflicts", Weight: 8, Longest: 20 * time.Second, Draw: func(r *rand.Rand, _ plan.Layout) plan.Args {
		return plan.Args{"component": anyClient(r)}
	}},
	Begin: inProxy(func(args plan.Args) proxy.Fault {
		var asked atomic.Int64
		return func(r proxy.Request) proxy.Effect {
			if r.Component != args["component"] || !r.Writes() || asked.Add(1)%3 != 0 {
				return proxy.Effect{}
			}
			return proxy.Effect{Name: "conflict", Status: http.StatusConflict}
		}
	}),
})
