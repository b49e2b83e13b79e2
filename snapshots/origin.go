package snapshots

import (
	"slices"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// VolumeOf tells which volume a snapshot that Snapback made is of, as far as
// it says: all but the labels of the volume's claims. It reports false if its
// volume is not the one that its annotations name.
func VolumeOf(namespace string, s Snapshot) (Volume, bool) {
	v := Volume{
		Namespace:      namespace,
		Cluster:        s.Annotations[v1alpha1.AnnotationClusterName],
		Slot:           s.Annotations[v1alpha1.AnnotationSlot],
		Broker:         s.Broker,
		Role:           s.Role,
		ClusterUID:     s.Annotations[v1alpha1.AnnotationClusterUID],
		KafkaClusterID: s.Annotations[v1alpha1.AnnotationKafkaClusterID],
	}
	// Which dialect it was is in the hash only.
	known := slices.ContainsFunc([]string{statefulSet.Name, koperator.Name, strimzi.Name, explicit.Name}, func(dialect string) bool {
		v.Dialect = dialect
		return v.Hash() == s.Volume
	})
	v.GeneratedName = known && v.Dialect == koperator.Name
	return v, known
}
