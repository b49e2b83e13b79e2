package snapshots

import (
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// readImported fills the fields of an imported snapshot. It was cut long ago, so
// that a claim waits until it is ready and does not start empty. It is never
// pruned: another cluster may use the same stored data.
func (s *Snapshot) readImported(vs *snapshotv1.VolumeSnapshot) {
	if vs.Annotations[v1alpha1.AnnotationImported] != v1alpha1.ValueTrue || vs.Spec.Source.VolumeSnapshotContentName == nil {
		return
	}
	s.Imported, s.Held = true, true
	if cut, err := time.Parse(time.RFC3339, vs.Annotations[v1alpha1.AnnotationCutTime]); err == nil {
		s.Cut = cut
	}
}

// foreign returns a function that reports whether a snapshot is of another Kafka
// cluster than the volume. A person accepted an import for the first cluster of
// its name. It does not count for a later cluster, once an earlier one has
// snapshots of its own.
func foreign(candidates []Snapshot, v Volume) func(*Snapshot) bool {
	succeeded := contains(candidates, func(s *Snapshot) bool { return !s.Imported && !sameCluster(v, s) })
	return func(s *Snapshot) bool {
		known := v.KafkaClusterID != "" && s.Annotations[v1alpha1.AnnotationKafkaClusterID] != ""
		return !sameCluster(v, s) || succeeded && s.Imported && !known
	}
}
