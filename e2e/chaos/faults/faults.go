// Package faults has what goes wrong around Snapback in a chaos run, one file for
// each. The checks know nothing of them: no fault excuses a violation.
package faults

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/proxy"
	"github.com/snapback-dev/snapback/e2e/chaos/record"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// Fault is a kind of fault. Begin brings it about and returns what ends it. Faults
// overlap, also those of one kind.
type Fault struct {
	plan.Kind
	Begin func(context.Context, *world.World, plan.Args) (end func() error, err error)
}

var all []Fault

func register(f Fault) bool { //nolint:unparam // a variable takes it, so that each file registers its own
	all = append(all, f)
	return true
}

// All are the faults by name.
func All() []Fault {
	return slices.SortedFunc(slices.Values(all), func(a, b Fault) int { return cmp.Compare(a.Name, b.Name) })
}

// inProxy is the Begin of a fault of the network or the apiserver. When it ends, the record
// says what it did: a fault may meet nothing.
func inProxy(of func(plan.Args) proxy.Fault) func(context.Context, *world.World, plan.Args) (func() error, error) {
	return func(_ context.Context, w *world.World, args plan.Args) (func() error, error) {
		effect := record.Effect{}
		var mu sync.Mutex
		fault := of(args)
		remove := w.Faults.Add(func(r proxy.Request) proxy.Effect {
			e := fault(r)
			if e != (proxy.Effect{}) {
				mu.Lock()
				defer mu.Unlock()
				effect.Name = e.Name
				effect.Times++
			}
			return e
		})
		return func() error {
			remove()
			mu.Lock()
			defer mu.Unlock()
			if effect.Times > 0 {
				w.Log.Add(record.Record{Effect: &effect})
			}
			return nil
		}, nil
	}
}

// clients are all that talk to the apiserver through a proxy.
var clients = []string{"webhook-0", "webhook-1", "scheduler-0", "scheduler-1", "kube-controller-manager", "snapshot-controller",
	"csi-snapshotter", "csi-provisioner", "operators", "people"}

func anyClient(r *rand.Rand) string { return clients[r.IntN(len(clients))] }

// anyComponent is one of the clients, or the apiserver when it calls the webhook.
func anyComponent(r *rand.Rand) string {
	if i := r.IntN(len(clients) + 1); i < len(clients) {
		return clients[i]
	}
	return proxy.Component
}
