// Package claims finds the live claims of a Kafka cluster's volumes.
package claims

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/snapshots"
)

// Claim is the live PVC of a Kafka volume.
type Claim struct {
	Volume snapshots.Volume
	PVC    *corev1.PersistentVolumeClaim
}

// List lists all PVCs of a namespace.
func List(ctx context.Context, c client.Reader, namespace string) ([]corev1.PersistentVolumeClaim, error) {
	var pvcs corev1.PersistentVolumeClaimList
	// No code here changes a claim from the cache.
	if err := c.List(ctx, &pvcs, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list the claims of namespace %s: %w", namespace, err)
	}
	return pvcs.Items, nil
}

// Named lists the PVC of a name; nil: there is none. Snapback has no right to get one.
func Named(ctx context.Context, c client.Reader, namespace, name string, opts ...client.ListOption) (*corev1.PersistentVolumeClaim, error) {
	var pvcs corev1.PersistentVolumeClaimList
	opts = append(opts, client.InNamespace(namespace), client.MatchingFields{"metadata.name": name})
	if err := c.List(ctx, &pvcs, opts...); err != nil {
		return nil, fmt.Errorf("read claim %s/%s: %w", namespace, name, err)
	}
	if len(pvcs.Items) == 0 {
		return nil, nil
	}
	return &pvcs.Items[0], nil
}

// OfCluster returns the PVCs of a backup's cluster as claims, sorted by name.
func OfCluster(pvcs []corev1.PersistentVolumeClaim, b snapshots.Backup) []Claim {
	var found []Claim
	for i := range pvcs {
		v, ok := snapshots.Identify(b.Namespace, &pvcs[i], []snapshots.Backup{b})
		if ok && v.Cluster == b.Cluster {
			found = append(found, Claim{Volume: v.Hashed(), PVC: &pvcs[i]})
		}
	}
	slices.SortFunc(found, func(a, b Claim) int { return cmp.Compare(a.PVC.Name, b.PVC.Name) })
	return found
}

// Volumes are the hashes of the claims' volumes.
func Volumes(all []Claim) map[string]bool {
	live := map[string]bool{}
	for _, c := range all {
		live[c.Volume.Hash()] = true
	}
	return live
}

// PendingSources names the snapshots that PVCs wait to be filled from, see
// [snapshots.WaitsFor].
func PendingSources(pvcs []corev1.PersistentVolumeClaim) map[string]bool {
	sources := map[string]bool{}
	for i := range pvcs {
		if source := snapshots.WaitsFor(&pvcs[i]); source != "" {
			sources[source] = true
		}
	}
	return sources
}

// Restoring reports whether any of the claims waits to be filled.
func Restoring(all []Claim) bool {
	return slices.ContainsFunc(all, func(c Claim) bool { return snapshots.BeingFilled(c.PVC) })
}

// Lineage is the lineage of the claim's data, judged by all snapshots of the
// volume. A claim that was bound to an existing PersistentVolume does not have
// the data of its source.
func (c Claim) Lineage(pv *corev1.PersistentVolume, all []snapshots.Snapshot, promoteAfter time.Duration, now time.Time) snapshots.Lineage {
	pvc := c.PVC
	if !MadeFor(pv, pvc) {
		empty := *pvc // a deep copy would cost more than all the rest
		pvc = &empty
		pvc.Spec.DataSource, pvc.Spec.DataSourceRef = nil, nil
	}
	return snapshots.LineageOf(pvc, pv, all, promoteAfter, now)
}
