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
	pvcs, err := listClaims(ctx, c, b.Namespace)
	if err != nil {
		return nil, err
	}
	return clusterClaims(pvcs, b), nil
}

// listClaims lists all PVCs of a namespace.
func listClaims(ctx context.Context, c client.Reader, namespace string) ([]corev1.PersistentVolumeClaim, error) {
	var pvcs corev1.PersistentVolumeClaimList
	// Nobody here changes a claim that was read.
	if err := c.List(ctx, &pvcs, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list the claims of namespace %s: %w", namespace, err)
	}
	return pvcs.Items, nil
}

// clusterClaims are those of the PVCs that are of a backup's cluster, by name.
func clusterClaims(pvcs []corev1.PersistentVolumeClaim, b snapshots.Backup) []claim {
	var found []claim
	for i := range pvcs {
		v, ok := snapshots.Identify(b.Namespace, &pvcs[i], []snapshots.Backup{b})
		if ok && v.Cluster == b.Cluster {
			found = append(found, claim{volume: v, pvc: &pvcs[i]})
		}
	}
	slices.SortFunc(found, func(a, b claim) int { return cmp.Compare(a.pvc.Name, b.pvc.Name) })
	return found
}

// liveVolumes are the volumes that the claims are of, by hash.
func liveVolumes(claims []claim) map[string]bool {
	live := map[string]bool{}
	for _, c := range claims {
		live[c.volume.Hash()] = true
	}
	return live
}

// pendingSources names the snapshots that the unbound ones of the PVCs wait to
// be filled from. Deleting one would leave its claim Pending for ever.
func pendingSources(pvcs []corev1.PersistentVolumeClaim) map[string]bool {
	sources := map[string]bool{}
	for i := range pvcs {
		if source := snapshots.SourceOf(&pvcs[i]); source != "" && unbound(&pvcs[i]) {
			sources[source] = true
		}
	}
	return sources
}

// restoring reports whether one of the claims waits to be filled.
func restoring(claims []claim) bool {
	return slices.ContainsFunc(claims, func(c claim) bool {
		return snapshots.Filled(c.pvc) && unbound(c.pvc)
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
	case c.pvc.Spec.DataSource != nil && unbound(c.pvc):
		return "is being restored from " + c.pvc.Spec.DataSource.Kind + " " + c.pvc.Spec.DataSource.Name
	case c.pvc.Status.Phase != corev1.ClaimBound:
		return "is " + string(cmp.Or(c.pvc.Status.Phase, corev1.ClaimPending)) + ", not Bound"
	case unfinished[c.pvc.Name]:
		return "has a snapshot that is not finished yet"
	}
	return ""
}
