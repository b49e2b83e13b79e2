package drill

import (
	"context"
	"regexp"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/scheduler/claims"
)

// drillNamed matches the names that [name] gives.
var drillNamed = regexp.MustCompile("^" + namePrefix + "[0-9a-f]{32}$")

// releaseLeftovers lets volumes go that were finished after their drill had been given
// up. Its claim had none yet whose policy could be set, so that a class that retains
// volumes keeps them for ever. running are the claims of all drills. A volume that
// cannot be changed does not hold up the next drill, which tries again.
func (r *Reconciler) releaseLeftovers(ctx context.Context, pvs []corev1.PersistentVolume, running []corev1.PersistentVolumeClaim) {
	for i := range pvs {
		pv := &pvs[i]
		if !isLeftover(pv, running) {
			continue
		}
		if err := r.setPolicy(ctx, pv, corev1.PersistentVolumeReclaimDelete); err != nil {
			log.FromContext(ctx).Error(err, "the volume of a former drill is left", "claim", pv.Spec.ClaimRef.Name)
		}
	}
}

// isLeftover reports whether a volume was made for a drill whose claim is gone, and
// would be kept.
func isLeftover(pv *corev1.PersistentVolume, running []corev1.PersistentVolumeClaim) bool {
	ref := pv.Spec.ClaimRef
	if ref == nil || !drillNamed.MatchString(ref.Name) {
		return false
	}
	for i := range running {
		if running[i].UID == ref.UID {
			return false
		}
	}
	return pv.Name == "pvc-"+string(ref.UID) && pv.Annotations[claims.AnnotationProvisionedBy] != "" && pv.DeletionTimestamp == nil &&
		pv.Status.Phase == corev1.VolumeReleased && pv.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete
}
