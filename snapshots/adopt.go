package snapshots

import (
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Adopted reads a VolumeSnapshot that a person lets a claim be restored from.
// What is not known of it, such as its driver, is checked by the provisioner.
func Adopted(vs *snapshotv1.VolumeSnapshot, v Volume, pvc *corev1.PersistentVolumeClaim) (Snapshot, bool) {
	source := vs.Spec.Source.PersistentVolumeClaimName
	if vs.Annotations[v1alpha1.AnnotationAdopt] != v1alpha1.ValueTrue || source == nil || pvc.Name == "" || *source != pvc.Name || vs.Labels[v1alpha1.LabelVolume] != "" || tooLong(vs.Annotations) {
		return Snapshot{}, false
	}
	s := Snapshot{
		Name:            vs.Name,
		UID:             vs.UID,
		ResourceVersion: vs.ResourceVersion,
		Volume:          v.Hash(),
		Deleting:        vs.DeletionTimestamp != nil,
		Lineage:         Lineage{Proven: true},
		SourcePVC:       pvc.Name,
		Annotations:     vs.Annotations,
	}
	s.readStatus(vs)
	s.Scheduled = s.Cut // nobody has scheduled it
	return s, true
}

// readStatus reads what the snapshot controller says.
func (s *Snapshot) readStatus(vs *snapshotv1.VolumeSnapshot) {
	if vs.Status == nil {
		return
	}
	s.Ready = vs.Status.ReadyToUse != nil && *vs.Status.ReadyToUse
	if vs.Status.CreationTime != nil {
		s.Cut = vs.Status.CreationTime.Time
	}
	if e := vs.Status.Error; e != nil && e.Message != nil {
		s.Failure = cut(*e.Message, maxError)
	}
	if q := vs.Status.RestoreSize; q != nil && !q.IsZero() {
		size := q.DeepCopy() // a Quantity changes when it is read; this one may be a cache's
		s.Size = &size
	}
}
