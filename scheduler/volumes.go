package scheduler

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/snapshots"
)

// claim is a live PVC of a broker volume.
type claim struct {
	volume snapshots.Volume
	pvc    *corev1.PersistentVolumeClaim
}

// claims lists the PVCs of a backup's cluster out of the cache, by name.
func claims(ctx context.Context, c client.Reader, b snapshots.Backup) ([]claim, error) {
	var pvcs corev1.PersistentVolumeClaimList
	if err := c.List(ctx, &pvcs, client.InNamespace(b.Namespace)); err != nil {
		return nil, fmt.Errorf("list the claims of cluster %s/%s: %w", b.Namespace, b.Cluster, err)
	}
	var found []claim
	for i := range pvcs.Items {
		pvc := &pvcs.Items[i]
		v, ok := snapshots.Identify(b.Namespace, pvc, []snapshots.Backup{b})
		if ok && v.Cluster == b.Cluster {
			found = append(found, claim{volume: v, pvc: pvc})
		}
	}
	slices.SortFunc(found, func(a, b claim) int { return cmp.Compare(a.pvc.Name, b.pvc.Name) })
	return found, nil
}

// volumes is the number of volumes that the claims are of.
func volumes(claims []claim) int {
	seen := map[string]bool{}
	for _, c := range claims {
		seen[c.volume.Hash()] = true
	}
	return len(seen)
}

// pendingSources names the snapshots that unbound claims of the namespace wait
// to be filled from. Deleting one would leave its claim Pending for ever.
func pendingSources(ctx context.Context, c client.Reader, namespace string) (map[string]bool, error) {
	var pvcs corev1.PersistentVolumeClaimList
	if err := c.List(ctx, &pvcs, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("list the claims of namespace %s: %w", namespace, err)
	}
	sources := map[string]bool{}
	for i := range pvcs.Items {
		if source := pvcs.Items[i].Spec.DataSource; source != nil && unbound(&pvcs.Items[i]) {
			sources[source.Name] = true
		}
	}
	return sources, nil
}

// restoring reports whether one of the claims waits to be filled.
func restoring(claims []claim) bool {
	return slices.ContainsFunc(claims, func(c claim) bool {
		return c.pvc.Spec.DataSource != nil && unbound(c.pvc)
	})
}

func unbound(pvc *corev1.PersistentVolumeClaim) bool {
	return cmp.Or(pvc.Status.Phase, corev1.ClaimPending) == corev1.ClaimPending
}

// skip tells why no snapshot can be taken of a claim now; empty if it can.
// A snapshot of an unbound claim never starts and holds the claim; one of a
// terminating claim fails.
func (c claim) skip(unfinished map[string]bool) string {
	switch {
	case c.pvc.DeletionTimestamp != nil:
		return "is being deleted"
	case c.pvc.Status.Phase != corev1.ClaimBound:
		return "is " + string(cmp.Or(c.pvc.Status.Phase, corev1.ClaimPending)) + ", not Bound"
	case unfinished[c.pvc.Name]:
		return "has a snapshot that is not finished yet"
	}
	return ""
}
