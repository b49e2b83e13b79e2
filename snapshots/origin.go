package snapshots

import "github.com/snapback-dev/snapback/api/v1alpha1"

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
	// Which dialect it was is in the hash only, and of those that share their
	// keys it is not even there.
	if v.Hash() == s.Volume {
		return v, true
	}
	for _, d := range dialects {
		if v.Dialect = d.Name; d.ownKeys && v.Hash() == s.Volume {
			v.GeneratedName = d.generatedNames
			return v, true
		}
	}
	return v, false
}
