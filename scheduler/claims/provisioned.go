package claims

import corev1 "k8s.io/api/core/v1"

// Annotations that the binder and the provisioners leave on a PersistentVolume.
const (
	AnnotationProvisionedBy     = "pv.kubernetes.io/provisioned-by"
	AnnotationBoundByController = "pv.kubernetes.io/bound-by-controller"
)

// MadeFor reports whether a volume, nil for none, was provisioned for the claim.
// The binder gives a claim any Available one that fits, whatever its dataSource.
func MadeFor(pv *corev1.PersistentVolume, pvc *corev1.PersistentVolumeClaim) bool {
	if pv == nil || pv.Annotations[AnnotationProvisionedBy] == "" {
		return false
	}
	if pv.Name == "pvc-"+string(pvc.UID) {
		return true
	}
	// A provisioner may be told to name volumes otherwise. What was there before
	// the claim, or was chosen by the binder, was still not made for it.
	_, chosen := pv.Annotations[AnnotationBoundByController]
	return !chosen && !pv.CreationTimestamp.Before(&pvc.CreationTimestamp)
}
