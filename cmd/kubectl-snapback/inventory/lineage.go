package inventory

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// OfClaim returns the claim of this name and its volume.
func (i *Inventory) OfClaim(name string) (*Volume, *corev1.PersistentVolumeClaim, bool) {
	for n := range i.Volumes {
		v := &i.Volumes[n]
		if at := slices.IndexFunc(v.Claims, func(c *corev1.PersistentVolumeClaim) bool { return c.Name == name }); at >= 0 {
			return v, v.Claims[at], true
		}
	}
	return nil, nil, false
}

// Lineage returns the present lineage of a bound claim's volume. If the
// KafkaBackups of its cluster differ, it is proven once all of them say so. For a
// user who may not read PersistentVolumes, it does not notice that a claim was
// bound to one that existed before.
func (i *Inventory) Lineage(ctx context.Context, c client.Client, v *Volume, pvc *corev1.PersistentVolumeClaim, now time.Time) (snapshots.Lineage, error) {
	var pv corev1.PersistentVolume
	if err := c.Get(ctx, client.ObjectKey{Name: pvc.Spec.VolumeName}, &pv); err != nil && !apierrors.IsForbidden(err) {
		return snapshots.Lineage{}, fmt.Errorf("read the volume of claim %s/%s: %w", pvc.Namespace, pvc.Name, err)
	}
	return snapshots.LineageOf(pvc, &pv, v.Snapshots, i.promoteAfter(v), now), nil
}

// promoteAfter returns the longest promoteAfter of the cluster's KafkaBackups.
func (i *Inventory) promoteAfter(v *Volume) time.Duration {
	longest := time.Duration(0)
	for _, b := range i.parsed(v.Namespace) {
		if b.Cluster == v.Cluster {
			longest = max(longest, b.PromoteAfter)
		}
	}
	if longest == 0 {
		byDefault, _ := snapshots.NewBackup(&v1alpha1.KafkaBackup{}) // never fails
		return byDefault.PromoteAfter
	}
	return longest
}
