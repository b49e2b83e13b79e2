package snapshots

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// restorer is a tool that makes claims and fills their volumes itself.
type restorer struct {
	label   string // a key that it puts on every object it makes
	manager string // the prefix of its field managers
}

// restorers are the tools whose claims Snapback leaves alone: if two tools fill
// one volume, data of two moments is mixed.
// Source: velero, pkg/restore/restore.go, and its documentation of restores.
var restorers = []restorer{{label: "velero.io/restore-name", manager: "velero"}}

// OtherRestored reports whether another tool's restore may have made the claim.
// The label alone is no proof, since operators copy the labels of their resources
// to claims: see [OtherRestores].
func OtherRestored(pvc *corev1.PersistentVolumeClaim) bool {
	return slices.ContainsFunc(restorers, func(r restorer) bool { return r.of(pvc) })
}

// OtherRestores reports whether another tool's restore is creating the claim. It
// is for a claim at admission: its field managers are those of its creator.
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
