package snapshots

import "github.com/snapback-dev/snapback/api/v1alpha1"

// VolumeOf returns the volume of a snapshot that Snapback made, without the
// labels of the volume's claims. It reports false if the snapshot's volume label
// does not fit its annotations.
func VolumeOf(namespace string, s Snapshot) (Volume, bool) {
	v := Volume{
		Namespace:      namespace,
		Cluster:        s.Annotations[v1alpha1.AnnotationClusterName],
		Slot:           s.Annotations[v1alpha1.AnnotationSlot],
		Node:           s.Node,
		Role:           s.Role,
		ClusterUID:     s.Annotations[v1alpha1.AnnotationClusterUID],
		KafkaClusterID: s.Annotations[v1alpha1.AnnotationKafkaClusterID],
	}
	// The dialect is known only by the hash. Dialects that share their keys are not
	// in the hash.
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
