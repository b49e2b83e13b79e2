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

// notCreators are the annotations that Kubernetes and Snapback write on a claim
// after its creator has made it.
var notCreators = []string{
	"pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller",
	"volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner",
	"volume.kubernetes.io/selected-node", "volume.kubernetes.io/storage-resizer",
	v1alpha1.AnnotationRestoredFrom, v1alpha1.AnnotationRestoredTime, v1alpha1.AnnotationRestoredBy,
}

// Again returns the claim of the volume as its creator would create it again,
// after it was lost. A claim that is not there yet is as its creator creates it
// now.
//
// What its creator chose stays, its owners, annotations and source among it:
// the webhook decides by that. A source that Snapback wrote goes.
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
	again.Spec.VolumeName = "" // the binder's
	if again.GenerateName != "" {
		again.Name = ""
	}
	inv.RequestAgain(again)
	return again
}

// snapbackFills reports whether Snapback wrote the source of the claim. Some
// operators take its annotation off a claim that is there: then a source among
// the snapshots of the volume tells.
func snapbackFills(v *inventory.Volume, pvc *corev1.PersistentVolumeClaim) bool {
	if pvc.Annotations[v1alpha1.AnnotationRestoredFrom] != "" {
		return true
	}
	source := snapshots.SourceOf(pvc)
	return pvc.UID != "" && source != "" &&
		slices.ContainsFunc(v.Snapshots, func(s snapshots.Snapshot) bool { return s.Name == source })
}

// Chosen tells what the claim's creator has chosen to have it filled or bound
// with; empty: nothing, so that Snapback decides. Another tool's restore is
// nothing here: only the webhook sees who creates a claim.
func Chosen(claim *corev1.PersistentVolumeClaim) v1alpha1.Reason {
	d, _ := snapshots.CreatorChose(claim)
	if d.Reason == v1alpha1.ReasonOtherRestore {
		return ""
	}
	return d.Reason
}
