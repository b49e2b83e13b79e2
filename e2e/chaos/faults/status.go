package faults

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/proxy"
)

// The apiserver answers every second request of a component with 429 or 500.
var _ = register(Fault{
	Kind: plan.Kind{Name: "status", Weight: 10, Longest: 15 * time.Second, Draw: func(r *rand.Rand, _ plan.Layout) plan.Args {
		codes := []int{http.StatusTooManyRequests, http.StatusInternalServerError}
		return plan.Args{"component": anyComponent(r), "status": strconv.Itoa(codes[r.IntN(len(codes))])}
	}},
	Begin: inProxy(func(args plan.Args) proxy.Fault {
		code, _ := strconv.Atoi(args["status"]) // it was made of a number
		var asked atomic.Int64
		return func(r proxy.Request) proxy.Effect {
			if r.Component != args["component"] || r.Open || asked.Add(1)%2 == 0 {
				return proxy.Effect{}
			}
			return proxy.Effect{Name: "status", Status: code}
		}
	}),
})
