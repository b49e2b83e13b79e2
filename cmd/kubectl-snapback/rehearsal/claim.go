package rehearsal

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

// notCreators are the annotations that Kubernetes and Snapback add to a claim
// after it was created.
var notCreators = []string{
	"pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller",
	"volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner",
	"volume.kubernetes.io/selected-node", "volume.kubernetes.io/storage-resizer",
	v1alpha1.AnnotationRestoredFrom, v1alpha1.AnnotationRestoredTime, v1alpha1.AnnotationRestoredBy,
	v1alpha1.AnnotationTraceparent,
}

// Again returns the claim of the volume as its creator would create it again after
// it was lost. A claim that does not exist yet is returned as it is.
//
// It keeps all that the creator chose, such as owners, annotations and source,
// since the webhook decides by these. It removes a source that Snapback wrote.
func Again(inv *inventory.Inventory, v *inventory.Volume, pvc *corev1.PersistentVolumeClaim) *corev1.PersistentVolumeClaim {
	again := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: pvc.Namespace, Name: pvc.Name, GenerateName: pvc.GenerateName,
			Labels: maps.Clone(pvc.Labels), Annotations: maps.Clone(pvc.Annotations),
			OwnerReferences: slices.Clone(pvc.OwnerReferences),
		},
		Spec: *pvc.Spec.DeepCopy(),
	}
	maps.DeleteFunc(again.Annotations, func(key, _ string) bool { return slices.Contains(notCreators, key) })
	if snapbackFills(v, pvc) {
		again.Spec.DataSource, again.Spec.DataSourceRef = nil, nil
	}
	if pvc.UID == "" {
		return again
	}
	again.Spec.VolumeName = "" // set by the binder
	if again.GenerateName != "" {
		again.Name = ""
	}
	inv.RequestAgain(again)
	return again
}

// snapbackFills reports whether Snapback wrote the source of the claim. Some
// operators remove Snapback's annotation from existing claims: then a source that
// is a snapshot of the volume shows it.
func snapbackFills(v *inventory.Volume, pvc *corev1.PersistentVolumeClaim) bool {
	if pvc.Annotations[v1alpha1.AnnotationRestoredFrom] != "" {
		return true
	}
	source := snapshots.SourceOf(pvc)
	return pvc.UID != "" && source != "" &&
		slices.ContainsFunc(v.Snapshots, func(s snapshots.Snapshot) bool { return s.Name == source })
}

// Chosen returns how the claim's creator has chosen its source or volume; empty if
// it has not, so that Snapback decides. It does not recognise the restore of
// another tool: only the webhook sees who creates a claim.
func Chosen(claim *corev1.PersistentVolumeClaim) v1alpha1.Reason {
	d, _ := snapshots.CreatorChose(claim)
	if d.Reason == v1alpha1.ReasonOtherRestore {
		return ""
	}
	return d.Reason
}
