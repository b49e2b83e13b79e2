package scheduler

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/scheduler/claims"
)

// skip tells why no snapshot can be taken of a claim now; empty if it can.
// A snapshot of an unbound claim never starts and holds the claim; one of a
// terminating claim fails.
func skip(c claims.Claim, unfinished map[string]bool) string {
	switch {
	case c.PVC.DeletionTimestamp != nil:
		return "is being deleted"
	case c.PVC.Spec.DataSource != nil && claims.Unbound(c.PVC):
		return "is being restored from " + c.PVC.Spec.DataSource.Kind + " " + c.PVC.Spec.DataSource.Name
	case c.PVC.Status.Phase != corev1.ClaimBound:
		return "is " + string(cmp.Or(c.PVC.Status.Phase, corev1.ClaimPending)) + ", not Bound"
	case unfinished[c.PVC.Name]:
		return "has a snapshot that is not finished yet"
	}
	return ""
}
