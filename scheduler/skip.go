package scheduler

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
)

// skip is the reason why no snapshot of a claim can be taken now; empty: one can.
// A snapshot of an unbound claim never starts, and blocks the claim's deletion.
// A snapshot of a terminating claim fails.
func skip(c claims.Claim, waited unfinished) string {
	switch {
	case c.PVC.DeletionTimestamp != nil:
		return "is being deleted"
	case c.PVC.Spec.DataSource != nil && snapshots.Unbound(c.PVC):
		return "is being restored from " + c.PVC.Spec.DataSource.Kind + " " + c.PVC.Spec.DataSource.Name
	case c.PVC.Status.Phase != corev1.ClaimBound:
		return "is " + string(cmp.Or(c.PVC.Status.Phase, corev1.ClaimPending)) + ", not Bound"
	case waited.keepsBack(c.PVC):
		return "has a snapshot that is not finished yet"
	}
	return ""
}
