package snapshots

import (
	"fmt"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
)

// Snapshot is what the domain knows of a VolumeSnapshot that Snapback made.
type Snapshot struct {
	Name            string
	UID             types.UID
	ResourceVersion string

	Volume    string    // hash of the volume's key, see [Volume.Hash]
	Scheduled time.Time // of the run; what "newest" means
	Cut       time.Time // by the storage's clock; zero: there is nothing to restore yet
	Ready     bool
	Deleting  bool
	Held      bool
	Imported  bool   // from another Kubernetes cluster, see [AnnotationImported]
	Failure   string // the driver's last error; it may still be retried

	// Relabelled says that its name is none that a run would give it: somebody has
	// labelled another's snapshot, or changed what ours says. A name, and the
	// source, can never be changed, unlike labels and annotations.
	Relabelled bool

	Role         Role
	Broker       string
	Lineage      Lineage
	SourcePVC    string
	SourcePVCUID string
	Driver       string
	VolumeMode   corev1.PersistentVolumeMode
	Size         *resource.Quantity // the smallest claim it fits in; nil: unknown
	Annotations  map[string]string
}

// NewSnapshot reads a VolumeSnapshot. An object without the labels and
// annotations that Snapback stamps is an error.
func NewSnapshot(vs *snapshotv1.VolumeSnapshot) (Snapshot, error) {
	s := Snapshot{
		Name:            vs.Name,
		UID:             vs.UID,
		ResourceVersion: vs.ResourceVersion,
		Volume:          vs.Labels[LabelVolume],
		Deleting:        vs.DeletionTimestamp != nil,
		Role:            Role(vs.Annotations[AnnotationRole]),
		Broker:          vs.Annotations[AnnotationBroker],
		Lineage:         Lineage{ID: vs.Annotations[AnnotationLineage], Proven: vs.Annotations[AnnotationProven] != "false"},
		SourcePVC:       vs.Annotations[AnnotationSourcePVC],
		SourcePVCUID:    vs.Annotations[AnnotationSourcePVCUID],
		Driver:          vs.Annotations[AnnotationDriver],
		VolumeMode:      corev1.PersistentVolumeMode(vs.Annotations[AnnotationVolumeMode]),
		Annotations:     vs.Annotations,
	}
	if vs.Labels[LabelManagedBy] != ManagedBy || s.Volume == "" {
		return s, fmt.Errorf("volumesnapshot %s/%s was not made by snapback", vs.Namespace, vs.Name)
	}
	s.Held = s.marked(AnnotationHold) || s.marked(AnnotationRestoreNext) || s.marked(AnnotationAbandoned)
	scheduled, err := time.Parse(time.RFC3339, vs.Annotations[AnnotationScheduledTime])
	if err != nil { // somebody has edited it; the label says the same
		scheduled, err = ParseRun(vs.Labels[LabelRun])
	}
	if err != nil {
		return s, fmt.Errorf("volumesnapshot %s/%s: annotation %s is no time, and neither is its label %s: %w", vs.Namespace, vs.Name, AnnotationScheduledTime, LabelRun, err)
	}
	s.Scheduled = scheduled
	if stamped, ok := vs.Annotations[AnnotationCapacity]; ok {
		q, err := resource.ParseQuantity(stamped)
		if err != nil {
			return s, fmt.Errorf("volumesnapshot %s/%s: annotation %s %q: %w", vs.Namespace, vs.Name, AnnotationCapacity, stamped, err)
		}
		s.Size = &q // unless the driver says more; some report no size, or zero
	}
	s.readStatus(vs)
	s.readImported(vs)
	source := vs.Spec.Source.PersistentVolumeClaimName
	s.Relabelled = !s.Imported && (source == nil || vs.Name != Name(*source, vs.Annotations[AnnotationBackupName], scheduled))
	return s, nil
}
