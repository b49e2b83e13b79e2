package snapshots

import (
	"slices"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// readImported reads what an import says. It was cut long ago: a claim waits
// for it to become ready, and does not start empty. It is never pruned: its
// stored data may be another cluster's too.
func (s *Snapshot) readImported(vs *snapshotv1.VolumeSnapshot) {
	if vs.Annotations[v1alpha1.AnnotationImported] != v1alpha1.ValueTrue || vs.Spec.Source.VolumeSnapshotContentName == nil {
		return
	}
	s.Imported, s.Held = true, true
	if cut, err := time.Parse(time.RFC3339, vs.Annotations[v1alpha1.AnnotationCutTime]); err == nil {
		s.Cut = cut
	}
}

// foreign tells which snapshots are of another Kafka cluster than the volume
// is. An import was accepted for the first cluster of its name: not for one
// that came after another that has snapshots of its own.
func foreign(candidates []Snapshot, v Volume) func(*Snapshot) bool {
	succeeded := slices.ContainsFunc(candidates, func(s Snapshot) bool { return !s.Imported && !sameCluster(v, &s) })
	return func(s *Snapshot) bool {
		known := v.KafkaClusterID != "" && s.Annotations[v1alpha1.AnnotationKafkaClusterID] != ""
		return !sameCluster(v, s) || succeeded && s.Imported && !known
	}
}
