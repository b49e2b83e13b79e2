package snapshots

import (
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Adopted returns the Snapshot of a VolumeSnapshot that Snapback did not make,
// if a person allows the claim to be restored from it. Fields that are not
// known, such as its driver, are checked by the provisioner.
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
	s.Scheduled = s.Cut // it has no scheduled time
	return s, true
}

// readStatus fills the fields that the snapshot controller reports in the
// status.
func (s *Snapshot) readStatus(vs *snapshotv1.VolumeSnapshot) {
	if class := vs.Spec.VolumeSnapshotClassName; class != nil && (vs.Status == nil || vs.Status.CreationTime == nil) {
		s.Class = *class
	}
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
		size := q.DeepCopy() // a Quantity changes when it is read, and this one may belong to a cache
		s.Size = &size
	}
}
