package snapshots

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"
)

// SourceOf returns the name of the VolumeSnapshot that a claim is, or was,
// filled from; empty: none.
func SourceOf(pvc *corev1.PersistentVolumeClaim) string {
	if source := pvc.Spec.DataSource; source != nil && source.Kind == "VolumeSnapshot" {
		return source.Name
	}
	return ""
}

// Filled reports whether a claim has a source of any kind: a VolumeSnapshot,
// another claim, or an object of a volume populator. The apiserver copies a
// dataSource to dataSourceRef, and back if it knows the kind.
func Filled(pvc *corev1.PersistentVolumeClaim) bool {
	return pvc.Spec.DataSource != nil || pvc.Spec.DataSourceRef != nil
}

// Unbound reports whether a claim waits for its volume.
func Unbound(pvc *corev1.PersistentVolumeClaim) bool {
	return cmp.Or(pvc.Status.Phase, corev1.ClaimPending) == corev1.ClaimPending
}

// BeingFilled reports whether a claim waits to be filled from its source. While one of a
// cluster does, none of its snapshots is pruned.
func BeingFilled(pvc *corev1.PersistentVolumeClaim) bool { return Filled(pvc) && Unbound(pvc) }

// WaitsFor returns the name of the snapshot that a claim waits to be filled from;
// empty: it waits for none. Without its snapshot such a claim would stay Pending for
// ever. The one of a drill is kept until the drill has ended, which writes to it what
// was found: a drill that takes longer than a snapshot is kept would else never come to
// a verdict.
func WaitsFor(pvc *corev1.PersistentVolumeClaim) string {
	if Unbound(pvc) || IsDrill(pvc) {
		return SourceOf(pvc)
	}
	return ""
}
