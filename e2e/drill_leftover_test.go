package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestDrillLeftovers deletes the claim of a drill whose class retains its volume, and
// creates another one of that name. The other one stays, the volume goes.
func TestDrillLeftovers(t *testing.T) {
	t.Parallel()
	w := newDrillWorld(t, false)
	r := w.process(w.drills)
	var pvc corev1.PersistentVolumeClaim
	w.reconcileUntil(r, func() error {
		left := w.left()
		if len(left) != 1 {
			return fmt.Errorf("a claim expected: %v", left)
		}
		pvc.Name = strings.TrimPrefix(left[0], "claim ")
		return nil
	})
	key := types.NamespacedName{Namespace: w.ns, Name: pvc.Name}
	eventually(t, func(ctx context.Context) error {
		if err := w.Get(ctx, key, &pvc); err != nil || pvc.Status.Phase != corev1.ClaimBound {
			return fmt.Errorf("claim %s is %s: %w", pvc.Name, pvc.Status.Phase, err)
		}
		return nil
	})
	if err := w.Delete(t.Context(), &pvc); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		var pv corev1.PersistentVolume
		if err := w.Get(ctx, types.NamespacedName{Name: pvc.Spec.VolumeName}, &pv); err != nil || pv.Status.Phase != corev1.VolumeReleased {
			return fmt.Errorf("volume %s is %s: %w", pv.Name, pv.Status.Phase, err)
		}
		if err := w.Get(ctx, key, &corev1.PersistentVolumeClaim{}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("claim %s is still there: %w", pvc.Name, err)
		}
		return nil
	})
	other := snapshotstest.PlainClaim(pvc.Name).In(w.ns).Class("of-nobody").Obj()
	create(t, w, other)
	w.settle(r)
	if f, _ := w.newest().FailedDrill(); f.Result != v1alpha1.DrillFailed || !strings.Contains(f.Message, "exists and is not the drill's") {
		t.Errorf("the name is taken: %+v", w.newest().Annotations)
	}
	if err := w.Get(t.Context(), client.ObjectKeyFromObject(other), other); err != nil || other.DeletionTimestamp != nil {
		t.Errorf("the claim of somebody else is deleted: %v", err)
	}
}
