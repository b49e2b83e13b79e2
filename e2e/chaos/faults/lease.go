package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
	"github.com/snapback-dev/snapback/e2e/cluster"
)

const (
	stranger   = "chaos"         // who takes the Lease
	strangerIn = 2 * time.Second // how often it renews it
)

// The Lease of the scheduler is deleted, so that two may lead for a moment, or somebody
// else holds it for a while, so that none leads.
var _ = register(Fault{
	Kind: plan.Kind{Name: "lease", Weight: 8, Longest: 20 * time.Second, Draw: func(r *rand.Rand, _ plan.Layout) plan.Args {
		return plan.Args{"how": []string{"deleted", "taken"}[r.IntN(2)]}
	}},
	Begin: func(ctx context.Context, w *world.World, args plan.Args) (func() error, error) {
		if args["how"] == "deleted" {
			return nil, client.IgnoreNotFound(w.Observer.Delete(ctx, lease()))
		}
		return takeLease(ctx, w.Observer)
	},
})

func lease() *coordinationv1.Lease {
	return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: cluster.Namespace, Name: v1alpha1.LeaseName}}
}

// takeLease holds the Lease until it is told to let go.
func takeLease(ctx context.Context, c client.Client) (release func() error, err error) {
	ctx, stop := context.WithCancel(ctx)
	gone := make(chan struct{})
	err = writeLease(ctx, c, stranger)
	go func() {
		defer close(gone)
		tick := time.NewTicker(strangerIn)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_ = writeLease(ctx, c, stranger) // another fault may be in the way
			}
		}
	}()
	return func() error {
		stop()
		<-gone
		// Without this it would run out by itself.
		return cluster.Eventually(context.WithoutCancel(ctx), 30*time.Second, func(ctx context.Context) error { return writeLease(ctx, c, "") })
	}, err
}

// writeLease makes somebody the holder; an empty name lets go of it if it is the
// stranger's.
func writeLease(ctx context.Context, c client.Client, holder string) error {
	l := lease()
	if err := c.Get(ctx, client.ObjectKeyFromObject(l), l); err != nil {
		return client.IgnoreNotFound(err)
	}
	if holder == "" && ptr.Deref(l.Spec.HolderIdentity, "") != stranger {
		return nil
	}
	l.Spec.HolderIdentity = &holder
	l.Spec.RenewTime = ptr.To(metav1.NowMicro())
	if err := c.Update(ctx, l); err != nil {
		return fmt.Errorf("take the scheduler's Lease: %w", err)
	}
	return nil
}
