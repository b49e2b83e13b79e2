package faults

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/proxy"
)

// The watches of a component end, and what they would go on from is gone (410): it has
// to list again.
var _ = register(Fault{
	Kind: plan.Kind{Name: "expire-watches", Weight: 6, Longest: 10 * time.Second, Draw: func(r *rand.Rand, _ plan.Layout) plan.Args {
		return plan.Args{"component": anyClient(r)}
	}},
	Begin: inProxy(expireWatches),
})

func expireWatches(args plan.Args) proxy.Fault {
	var mu sync.Mutex
	expired := map[string]bool{} // by path
	return func(r proxy.Request) proxy.Effect {
		if r.Component != args["component"] || !r.Watch {
			return proxy.Effect{}
		}
		mu.Lock()
		defer mu.Unlock()
		if expired[r.Path] || r.List && !r.Open {
			return proxy.Effect{}
		}
		expired[r.Path] = !r.Open
		return proxy.Effect{Name: "expired", Expire: true}
	}
}
