package operations

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A person opts a claim, a cluster or a namespace out for a while, in which one volume
// is lost.
var _ = register(Operation{
	Kind: plan.Kind{Name: "opt-out", Weight: 8, Draw: func(r *rand.Rand, l plan.Layout) plan.Args {
		args := plan.AnyVolume(r, l).Long(r, 15*time.Second)
		args["of"] = []string{"claim", "cluster", "namespace"}[r.IntN(3)]
		return args
	}},
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		v, _ := w.Layout.Volume(args["volume"])
		to := optOut(w, v, args["of"])
		return awhile(ctx, args, func(ctx context.Context) error {
			return errors.Join(to(ctx, true), w.Lose(ctx, v))
		}, func(ctx context.Context) error { return to(ctx, false) })
	},
})

// optOut opts something out, and in again.
func optOut(w *world.World, v plan.Volume, of string) func(ctx context.Context, out bool) error {
	set := func(ctx context.Context, o client.Object, value any) error {
		return w.Annotate(ctx, o, v1alpha1.AnnotationRestore, value)
	}
	return func(ctx context.Context, out bool) error {
		backup, namespace := w.KafkaBackup(v.Namespace), world.Namespace(v.Namespace)
		switch {
		case of == "claim" && out:
			w.Wish(v, map[string]string{v1alpha1.AnnotationRestore: v1alpha1.ValueOff})
		case of == "claim":
			w.Wish(v, nil)
		case of == "cluster" && out:
			return set(ctx, backup, v1alpha1.ValueOff)
		case of == "cluster":
			return set(ctx, backup, v1alpha1.ValueLatest)
		case out: // the KafkaBackup's word would be nearer
			return errors.Join(set(ctx, namespace, v1alpha1.ValueOff), set(ctx, backup, nil))
		default:
			return errors.Join(set(ctx, backup, v1alpha1.ValueLatest), set(ctx, namespace, nil))
		}
		return nil
	}
}
