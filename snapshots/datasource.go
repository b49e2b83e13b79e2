package snapshots

import corev1 "k8s.io/api/core/v1"

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
