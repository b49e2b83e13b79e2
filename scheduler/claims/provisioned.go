package claims

import corev1 "k8s.io/api/core/v1"

// Annotations that the binder and the provisioners leave on a PersistentVolume.
const (
	AnnotationProvisionedBy     = "pv.kubernetes.io/provisioned-by"
	AnnotationBoundByController = "pv.kubernetes.io/bound-by-controller"
)

// MadeFor reports whether a volume was provisioned for the claim; nil is no
// volume. It may not be: the binder gives a claim any Available volume that fits,
// and ignores the claim's dataSource.
func MadeFor(pv *corev1.PersistentVolume, pvc *corev1.PersistentVolumeClaim) bool {
	if pv == nil || pv.Annotations[AnnotationProvisionedBy] == "" {
		return false
	}
	if pv.Name == "pvc-"+string(pvc.UID) {
		return true
	}
	// A provisioner may use another pattern of names. But a volume that is older
	// than the claim, or that the binder chose, was not made for it.
	_, chosen := pv.Annotations[AnnotationBoundByController]
	return !chosen && !pv.CreationTimestamp.Before(&pvc.CreationTimestamp)
}
