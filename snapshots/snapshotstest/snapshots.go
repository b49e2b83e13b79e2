package snapshotstest

import (
	"strconv"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// Snapshot builds a VolumeSnapshot as a run stamps it.
type Snapshot struct{ vs *snapshotv1.VolumeSnapshot }

// NewSnapshot returns the snapshot that a run of a KafkaBackup takes of a claim.
// Its volume is of the driver, and has the size that the claim requests. It is not
// cut yet. The claim must be of a broker volume.
func NewSnapshot(claim *Claim, backup *Backup, driver string, scheduled time.Time) *Snapshot {
	pvc := claim.Obj()
	if pvc.Name == "" {
		pvc.Name = pvc.GenerateName + "xxxxx"
	}
	b, err := snapshots.NewBackup(backup.Obj())
	if err != nil {
		panic(err)
	}
	volume, ok := snapshots.Identify(pvc.Namespace, pvc, []snapshots.Backup{b})
	if !ok {
		panic("claim " + pvc.Name + " is of no broker volume")
	}
	pv := &corev1.PersistentVolume{Spec: corev1.PersistentVolumeSpec{
		Capacity: pvc.Spec.Resources.Requests,
		PersistentVolumeSource: corev1.PersistentVolumeSource{
			CSI: &corev1.CSIPersistentVolumeSource{Driver: driver, VolumeHandle: "handle-of-" + pvc.Name},
		},
	}}
	policy, err := snapshots.Cluster{Backups: []snapshots.Backup{b}}.PolicyToday(pvc.Annotations)
	if err != nil {
		panic(err)
	}
	vs := snapshots.Stamp(volume, pvc, pv, b, policy, snapshots.Lineage{ID: "first", Proven: true}, scheduled)
	vs.UID = types.UID("uid-of-" + vs.Name)
	return &Snapshot{vs}
}

// Cut sets the time at which the storage has taken the snapshot.
func (s *Snapshot) Cut(at time.Time) *Snapshot {
	s.status().CreationTime = &metav1.Time{Time: at}
	return s
}

// Ready makes the snapshot one that was cut at its scheduled time and can be
// restored.
func (s *Snapshot) Ready() *Snapshot {
	at, err := time.Parse(time.RFC3339, s.vs.Annotations[v1alpha1.AnnotationScheduledTime])
	if err != nil {
		panic(err)
	}
	s.Cut(at).status().ReadyToUse = ptr.To(true)
	return s
}

// Size sets the restore size that the driver reports.
func (s *Snapshot) Size(quantity string) *Snapshot {
	s.status().RestoreSize = ptr.To(resource.MustParse(quantity))
	return s
}

// Failing sets an error of the driver, which could not take the snapshot yet.
func (s *Snapshot) Failing(message string) *Snapshot {
	s.status().Error = &snapshotv1.VolumeSnapshotError{Message: &message}
	return s
}

// Terminating makes the snapshot one that somebody has deleted and that still
// exists.
func (s *Snapshot) Terminating(since time.Time) *Snapshot {
	s.vs.DeletionTimestamp = &metav1.Time{Time: since}
	s.vs.Finalizers = []string{"snapshot.storage.kubernetes.io/volumesnapshot-as-source-protection"}
	return s
}

// Lineage sets the lineage that the snapshot is of.
func (s *Snapshot) Lineage(id string, proven bool) *Snapshot {
	return s.Annotate(v1alpha1.AnnotationLineage, id).Annotate(v1alpha1.AnnotationProven, strconv.FormatBool(proven))
}

// Verified sets the report of a drill that ended with a verdict.
func (s *Snapshot) Verified(report v1alpha1.DrillReport) *Snapshot {
	value, err := snapshots.WriteReport(report)
	if err != nil {
		panic(err)
	}
	return s.Annotate(v1alpha1.AnnotationVerified, value)
}

// Sound makes the snapshot one that a drill found sound.
func (s *Snapshot) Sound() *Snapshot { return s.found(v1alpha1.DrillSound, "") }

// Damaged makes the snapshot one that a drill found damaged.
func (s *Snapshot) Damaged() *Snapshot {
	return s.found(v1alpha1.DrillDamaged, "orders-0: the batch at 42 has another checksum")
}

func (s *Snapshot) found(result v1alpha1.DrillResult, message string) *Snapshot {
	stamped := s.vs.Annotations
	return s.Verified(v1alpha1.DrillReport{Result: result, Volume: stamped[v1alpha1.AnnotationSlot], Broker: stamped[v1alpha1.AnnotationBroker], VolumeSnapshot: s.vs.Name, Message: message})
}

// Annotate sets an annotation.
func (s *Snapshot) Annotate(key, value string) *Snapshot {
	s.vs.Annotations[key] = value
	return s
}

func (s *Snapshot) status() *snapshotv1.VolumeSnapshotStatus {
	if s.vs.Status == nil {
		s.vs.Status = &snapshotv1.VolumeSnapshotStatus{}
	}
	return s.vs.Status
}

// Obj returns a copy of what was built.
func (s *Snapshot) Obj() *snapshotv1.VolumeSnapshot { return s.vs.DeepCopy() }
