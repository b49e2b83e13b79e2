package snapshots

import (
	"fmt"
	"maps"
	"slices"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Snapshot holds the parsed fields of a VolumeSnapshot that Snapback made. The fields that
// are read of every snapshot come first, next to each other in memory: a look reads those
// of ten thousand.
type Snapshot struct {
	Volume    string    // hash of the volume's key, see [Volume.Hash]
	Scheduled time.Time // time of the run; "newest" means the latest of these
	Cut       time.Time // by the storage's clock; zero: it holds no data yet
	Ready     bool
	Deleting  bool
	Held      bool
	Imported  bool // from another Kubernetes cluster, see [v1alpha1.AnnotationImported]
	Damaged   bool // a restore drill has found it so, see [Snapshot.Verdict]
	plain     bool // it has none of the annotations of marks; false: it may have one

	// Relabelled says that no run would give it this name: somebody has put our
	// labels on another tool's snapshot, or changed the metadata of ours. Unlike
	// labels and annotations, the name and the source can never be changed.
	Relabelled bool

	Lineage    Lineage
	Unreadable string // what is wrong with its metadata, because somebody has changed it; empty: nothing
	Failure    string // the driver's last error, after which it may still retry

	Name string
	Size *resource.Quantity // the smallest claim it fits in; nil: unknown

	UID             types.UID
	ResourceVersion string

	Created      time.Time    // by the apiserver's clock
	DeletedAt    *metav1.Time // when its deletion was asked for; nil: never
	Role         Role
	Node         string // see [Volume.Node]
	SourcePVC    string
	SourcePVCUID string
	Driver       string
	Class        string     // name of the VolumeSnapshotClass
	LockedUntil  *time.Time // when the storage may delete it, set by [Locks.On]; nil: at any time
	VolumeMode   corev1.PersistentVolumeMode
	Annotations  map[string]string
}

// NewSnapshot returns the Snapshot of a VolumeSnapshot. An object without the
// labels and annotations that Snapback stamps is an error. If Snapback made it
// nevertheless, the readable fields are returned, with [Snapshot.Unreadable] set.
func NewSnapshot(vs *snapshotv1.VolumeSnapshot) (Snapshot, error) {
	annotations, long := vs.Annotations, tooLong(vs.Annotations)
	if long {
		annotations = short(annotations)
	}
	s := Snapshot{
		Name:            vs.Name,
		UID:             vs.UID,
		ResourceVersion: vs.ResourceVersion,
		Volume:          vs.Labels[v1alpha1.LabelVolume],
		Created:         vs.CreationTimestamp.Time,
		Deleting:        vs.DeletionTimestamp != nil,
		DeletedAt:       vs.DeletionTimestamp,
		Role:            Role(annotations[v1alpha1.AnnotationRole]),
		Node:            annotations[v1alpha1.AnnotationBroker],
		Lineage:         Lineage{ID: annotations[v1alpha1.AnnotationLineage], Proven: annotations[v1alpha1.AnnotationProven] != "false"},
		SourcePVC:       annotations[v1alpha1.AnnotationSourcePVC],
		SourcePVCUID:    annotations[v1alpha1.AnnotationSourcePVCUID],
		Driver:          annotations[v1alpha1.AnnotationDriver],
		Class:           ptr.Deref(vs.Spec.VolumeSnapshotClassName, ""),
		VolumeMode:      corev1.PersistentVolumeMode(annotations[v1alpha1.AnnotationVolumeMode]),
		Annotations:     annotations,
	}
	if vs.Labels[v1alpha1.LabelManagedBy] != v1alpha1.ManagedBy && (s.Volume == "" || annotations[v1alpha1.AnnotationSlot] == "") {
		return s, fmt.Errorf("volumesnapshot %s/%s was not made by snapback", vs.Namespace, vs.Name)
	}
	s.Held = s.HeldByPeople() || s.marked(v1alpha1.AnnotationAbandoned)
	verdict, _ := s.Verdict()
	s.Damaged = verdict.Result == v1alpha1.DrillDamaged
	err := s.readStamp(vs)
	if long {
		err = fmt.Errorf("the annotations that Snapback reads have more than %d bytes together", maxKept)
	}
	s.readStatus(vs)
	s.readImported(vs)
	source := vs.Spec.Source.PersistentVolumeClaimName
	s.Relabelled = !s.Imported && (source == nil || vs.Name != Name(*source, annotations[v1alpha1.AnnotationBackupName], s.Scheduled))
	if err != nil {
		s.Unreadable = err.Error()
		if s.Scheduled.IsZero() {
			s.Scheduled = s.Cut
		}
		return s, fmt.Errorf("volumesnapshot %s/%s: %w", vs.Namespace, vs.Name, err)
	}
	return s, nil
}

// readStamp fills the fields that the run has stamped, and checks them: somebody
// may have edited them since.
func (s *Snapshot) readStamp(vs *snapshotv1.VolumeSnapshot) error {
	if s.Volume == "" {
		return fmt.Errorf("label %s is missing", v1alpha1.LabelVolume)
	}
	if by := vs.Labels[v1alpha1.LabelManagedBy]; by != v1alpha1.ManagedBy {
		return fmt.Errorf("label %s is %q, must be %q", v1alpha1.LabelManagedBy, Quotable(by), v1alpha1.ManagedBy)
	}
	scheduled, err := time.Parse(time.RFC3339, vs.Annotations[v1alpha1.AnnotationScheduledTime])
	if err != nil { // somebody has edited it; the label says the same
		scheduled, err = ParseRun(vs.Labels[v1alpha1.LabelRun])
	}
	if err != nil {
		return fmt.Errorf("annotation %s is not a time, and neither is label %s: %w", v1alpha1.AnnotationScheduledTime, v1alpha1.LabelRun, err)
	}
	s.Scheduled = scheduled
	if stamped, ok := vs.Annotations[v1alpha1.AnnotationCapacity]; ok {
		q, err := resource.ParseQuantity(stamped)
		if err != nil {
			return fmt.Errorf("annotation %s %q: %w", v1alpha1.AnnotationCapacity, Quotable(stamped), err)
		}
		s.Size = &q // the size that the driver reports replaces it; some report none, or zero
	}
	return nil
}

// tooLong reports whether the annotations that would be kept of a snapshot are
// longer than any that Snapback or a person writes.
func tooLong(annotations map[string]string) bool {
	n := 0
	if _, slim := annotations[annotationTooLong]; slim {
		return true
	}
	for _, keys := range [][]string{decisive, stamped} {
		for _, key := range keys {
			n += len(annotations[key])
		}
	}
	return n > maxKept
}

// short returns the annotations that are no longer than a name. They are enough
// to find the volume of a snapshot that cannot be read.
func short(annotations map[string]string) map[string]string {
	some := pick(annotations, slices.Concat(decisive, stamped)...)
	maps.DeleteFunc(some, func(_, value string) bool { return len(value) > maxName })
	return some
}

// stamped are the annotations that fields of a [Snapshot] are read from.
var stamped = []string{
	v1alpha1.AnnotationRole, v1alpha1.AnnotationBroker, v1alpha1.AnnotationLineage, v1alpha1.AnnotationProven, v1alpha1.AnnotationSourcePVC, v1alpha1.AnnotationSourcePVCUID,
	v1alpha1.AnnotationDriver, v1alpha1.AnnotationVolumeMode, v1alpha1.AnnotationScheduledTime, v1alpha1.AnnotationCapacity,
}
