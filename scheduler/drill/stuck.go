package drill

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// stuckAfter is how long a claim may take to be deleted.
const stuckAfter = 10 * time.Minute

// isStuck reports whether the claim of a cluster's drill should be gone by now, and
// says so: no other drill of the cluster begins before.
func (r *Reconciler) isStuck(ctx context.Context, key types.NamespacedName, seen view, pvc *corev1.PersistentVolumeClaim) bool {
	if pvc.DeletionTimestamp == nil {
		return false
	}
	now := r.Clock.Now()
	if since, _ := r.ending.LoadOrStore(key, now); now.Sub(since.(time.Time)) < stuckAfter {
		return false
	}
	text := fmt.Sprintf("No other drill begins before claim %s is gone, which is being deleted since %s: look at its pod, and at who should remove its finalizers (%s)",
		pvc.Name, dueText(pvc.DeletionTimestamp.Time), strings.Join(pvc.Finalizers, ", "))
	log.FromContext(ctx).Info("the claim of a drill is not deleted", "claim", pvc.Name, "why", text)
	if len(seen.askers) > 0 {
		r.event(seen.askers[0], corev1.EventTypeWarning, v1alpha1.ReasonDrillFailed, text)
	}
	return true
}
