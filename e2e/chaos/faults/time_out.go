package faults

import (
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/proxy"
)

// What a component writes takes place, and every third time it is told that it may not
// have (504).
var _ = register(Fault{
	Kind: plan.Kind{Name: "time-out", Weight: 6, Longest: 15 * time.Second, Draw: func(r *rand.Rand, _ plan.Layout) plan.Args {
		return plan.Args{"component": anyClient(r)}
	}},
	Begin: inProxy(func(args plan.Args) proxy.Fault {
		var asked atomic.Int64
		return func(r proxy.Request) proxy.Effect {
			if r.Component != args["component"] || r.Verb == http.MethodGet || asked.Add(1)%3 != 0 {
				return proxy.Effect{}
			}
			return proxy.Effect{Name: "time-out", Lose: true, Status: http.StatusGatewayTimeout}
		}
	}),
})
