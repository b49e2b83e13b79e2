package snapshots

import (
	"maps"
	"strconv"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Stamp makes the VolumeSnapshot that a run takes of a volume. It carries all
// that a restore must know when the claim, the operator and the KafkaBackup
// are gone, the policy in force included. It has no owner: garbage collection
// would delete backups.
func Stamp(v Volume, pvc *corev1.PersistentVolumeClaim, pv *corev1.PersistentVolume, b Backup, policy Policy, lineage Lineage, scheduled time.Time) *snapshotv1.VolumeSnapshot {
	vs := &snapshotv1.VolumeSnapshot{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: v.Namespace,
			Name:      Name(pvc.Name, b.Name, scheduled),
			Labels: map[string]string{
				LabelManagedBy: ManagedBy,
				LabelCluster:   LabelValue(v.Cluster),
				LabelVolume:    v.Hash(),
				LabelBackup:    LabelValue(b.Name),
				LabelRun:       FormatRun(scheduled),
				LabelClaim:     LabelValue(pvc.Name),
			},
			Annotations: map[string]string{
				AnnotationSlot:          v.Slot,
				AnnotationClusterName:   v.Cluster,
				AnnotationBackupName:    b.Name,
				AnnotationBroker:        v.Broker,
				AnnotationRole:          string(v.Role),
				AnnotationLineage:       lineage.ID,
				AnnotationProven:        strconv.FormatBool(lineage.Proven),
				AnnotationScheduledTime: scheduled.UTC().Format(time.RFC3339),
				AnnotationSourcePVC:     pvc.Name,
				AnnotationSourcePVCUID:  string(pvc.UID),
				AnnotationSourcePV:      pvc.Spec.VolumeName,
			},
		},
		Spec: snapshotv1.VolumeSnapshotSpec{
			Source:                  snapshotv1.VolumeSnapshotSource{PersistentVolumeClaimName: &pvc.Name},
			VolumeSnapshotClassName: &b.Class,
		},
	}
	maps.Copy(vs.Labels, v.Labels)
	maps.Copy(vs.Annotations, policy)
	delete(vs.Annotations, AnnotationRestoreBefore) // a pin ends where people take it off
	if v.ClusterUID != "" {
		vs.Annotations[AnnotationClusterUID] = v.ClusterUID
	}
	if v.KafkaClusterID != "" {
		vs.Annotations[AnnotationKafkaClusterID] = v.KafkaClusterID
	}
	if pvc.Spec.StorageClassName != nil {
		vs.Annotations[AnnotationStorageClassName] = *pvc.Spec.StorageClassName
	}
	if pvc.Spec.VolumeMode != nil {
		vs.Annotations[AnnotationVolumeMode] = string(*pvc.Spec.VolumeMode)
	}
	if capacity, ok := pv.Spec.Capacity[corev1.ResourceStorage]; ok {
		vs.Annotations[AnnotationCapacity] = capacity.String()
	}
	if pv.Spec.CSI != nil {
		vs.Annotations[AnnotationDriver] = pv.Spec.CSI.Driver
		vs.Annotations[AnnotationVolumeHandle] = pv.Spec.CSI.VolumeHandle
	}
	return vs
}
