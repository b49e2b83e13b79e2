package operations

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/history"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// generations is how often a chain loses its volume.
const generations = 10

// One volume is lost as soon as a run has a snapshot of its restored claim, again and
// again. The checks look at the data of each generation.
var _ = register(Operation{
	Kind:  plan.Kind{Name: "chain", Weight: 5, Draw: plan.AnyVolume},
	Limit: 10 * time.Minute,
	Do: func(ctx context.Context, w *world.World, args plan.Args) error {
		v, _ := w.Layout.Volume(args["volume"])
		for n := range generations {
			if err := w.Await(ctx, func(ctx context.Context) (bool, error) { return backedUp(ctx, w, v) }); err != nil {
				return fmt.Errorf("generation %d has no snapshot: %w", n, err)
			}
			if err := w.Lose(ctx, v); err != nil {
				return fmt.Errorf("generation %d: %w", n, err)
			}
		}
		return nil
	},
})

// backedUp reports whether a volume's claim is bound, and has a ready snapshot.
func backedUp(ctx context.Context, w *world.World, v plan.Volume) (bool, error) {
	claims, err := w.Claims(ctx, v)
	if err != nil || len(claims) != 1 || claims[0].Status.Phase != corev1.ClaimBound || claims[0].DeletionTimestamp != nil {
		return false, err
	}
	snapshots, err := w.Snapshots(ctx, v)
	for i := range snapshots {
		if vs := &snapshots[i]; vs.Annotations[v1alpha1.AnnotationSourcePVCUID] == string(claims[0].UID) && history.Ready(vs) {
			return true, nil
		}
	}
	return false, err
}
