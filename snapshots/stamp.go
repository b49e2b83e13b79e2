package snapshots

import (
	"maps"
	"strconv"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Stamp returns the VolumeSnapshot that a run takes of a volume. It carries all
// facts that a restore needs when the claim, the operator and the KafkaBackup are
// gone, and the policy in force. It has no owner: otherwise garbage collection
// would delete backups.
func Stamp(v Volume, pvc *corev1.PersistentVolumeClaim, pv *corev1.PersistentVolume, b Backup, policy Policy, lineage Lineage, scheduled time.Time) *snapshotv1.VolumeSnapshot {
	vs := &snapshotv1.VolumeSnapshot{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: v.Namespace,
			Name:      Name(pvc.Name, b.Name, scheduled),
			Labels: map[string]string{
				v1alpha1.LabelManagedBy: v1alpha1.ManagedBy,
				v1alpha1.LabelCluster:   LabelValue(v.Cluster),
				v1alpha1.LabelVolume:    v.Hash(),
				v1alpha1.LabelBackup:    LabelValue(b.Name),
				v1alpha1.LabelRun:       FormatRun(scheduled),
				v1alpha1.LabelClaim:     LabelValue(pvc.Name),
			},
			Annotations: map[string]string{
				v1alpha1.AnnotationSlot:          v.Slot,
				v1alpha1.AnnotationClusterName:   v.Cluster,
				v1alpha1.AnnotationBackupName:    b.Name,
				v1alpha1.AnnotationBroker:        v.Node,
				v1alpha1.AnnotationRole:          string(v.Role),
				v1alpha1.AnnotationLineage:       lineage.ID,
				v1alpha1.AnnotationProven:        strconv.FormatBool(lineage.Proven),
				v1alpha1.AnnotationScheduledTime: scheduled.UTC().Format(time.RFC3339),
				v1alpha1.AnnotationSourcePVC:     pvc.Name,
				v1alpha1.AnnotationSourcePVCUID:  string(pvc.UID),
				v1alpha1.AnnotationSourcePV:      pvc.Spec.VolumeName,
			},
		},
		Spec: snapshotv1.VolumeSnapshotSpec{
			Source:                  snapshotv1.VolumeSnapshotSource{PersistentVolumeClaimName: &pvc.Name},
			VolumeSnapshotClassName: &b.Class,
		},
	}
	maps.Copy(vs.Labels, v.Labels)
	maps.Copy(vs.Annotations, policy)
	delete(vs.Annotations, v1alpha1.AnnotationRestoreBefore) // a pin must end when people remove it
	if v.ClusterUID != "" {
		vs.Annotations[v1alpha1.AnnotationClusterUID] = v.ClusterUID
	}
	if v.KafkaClusterID != "" {
		vs.Annotations[v1alpha1.AnnotationKafkaClusterID] = v.KafkaClusterID
	}
	if pvc.Spec.StorageClassName != nil {
		vs.Annotations[v1alpha1.AnnotationStorageClassName] = *pvc.Spec.StorageClassName
	}
	if pvc.Spec.VolumeMode != nil {
		vs.Annotations[v1alpha1.AnnotationVolumeMode] = string(*pvc.Spec.VolumeMode)
	}
	if capacity, ok := pv.Spec.Capacity[corev1.ResourceStorage]; ok {
		vs.Annotations[v1alpha1.AnnotationCapacity] = capacity.String()
	}
	if pv.Spec.CSI != nil {
		vs.Annotations[v1alpha1.AnnotationDriver] = pv.Spec.CSI.Driver
		vs.Annotations[v1alpha1.AnnotationVolumeHandle] = pv.Spec.CSI.VolumeHandle
	}
	return vs
}
