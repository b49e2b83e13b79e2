package snapshots

import "slices"

// VolumeOf tells which volume a snapshot that Snapback made is of, as far as
// it says: all but the labels of the volume's claims. It reports false if its
// volume is not the one that its annotations name.
func VolumeOf(namespace string, s Snapshot) (Volume, bool) {
	v := Volume{
		Namespace:      namespace,
		Cluster:        s.Annotations[AnnotationClusterName],
		Slot:           s.Annotations[AnnotationSlot],
		Broker:         s.Broker,
		Role:           s.Role,
		ClusterUID:     s.Annotations[AnnotationClusterUID],
		KafkaClusterID: s.Annotations[AnnotationKafkaClusterID],
	}
	// Which dialect it was is in the hash only.
	known := slices.ContainsFunc([]string{statefulSet.Name, koperator.Name, strimzi.Name, explicit.Name}, func(dialect string) bool {
		v.Dialect = dialect
		return v.Hash() == s.Volume
	})
	v.GeneratedName = known && v.Dialect == koperator.Name
	return v, known
}
