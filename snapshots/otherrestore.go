package snapshots

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// restorer is a tool that makes claims and fills their volumes itself.
type restorer struct {
	label   string // that it puts on all that it makes
	manager string // what its field managers begin with
}

// restorers are the tools whose claims are left alone: two that fill one volume
// mix two moments.
// Source: velero, pkg/restore/restore.go, and its documentation of restores.
var restorers = []restorer{{label: "velero.io/restore-name", manager: "velero"}}

// OtherRestored reports whether another tool's restore may have made the claim.
// Operators hand labels of their resources on to claims, so that the label
// alone does not prove it: see [OtherRestores].
func OtherRestored(pvc *corev1.PersistentVolumeClaim) bool {
	return slices.ContainsFunc(restorers, func(r restorer) bool { return r.of(pvc) })
}

// OtherRestores reports whether another tool's restore is making the claim. It
// is for a claim at admission, whose field managers are those that create it.
func OtherRestores(pvc *corev1.PersistentVolumeClaim) bool {
	return slices.ContainsFunc(restorers, func(r restorer) bool { return r.of(pvc) && r.creates(pvc) })
}

func (r restorer) of(pvc *corev1.PersistentVolumeClaim) bool {
	_, labelled := pvc.Labels[r.label]
	_, annotated := pvc.Annotations[r.label]
	return labelled || annotated
}

func (r restorer) creates(pvc *corev1.PersistentVolumeClaim) bool {
	return len(pvc.ManagedFields) == 0 || slices.ContainsFunc(pvc.ManagedFields, func(m metav1.ManagedFieldsEntry) bool {
		return strings.HasPrefix(m.Manager, r.manager)
	})
}
