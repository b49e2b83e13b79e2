package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// MaxAtRisk is how many volumes [KafkaStatus.AtRisk] lists.
const MaxAtRisk = 10

// KafkaStatus is what the running Kafka cluster said when it was last asked, and
// what would be lost of it.
type KafkaStatus struct {
	// ObservedTime is when Kafka was asked. It is written anew at least every
	// five minutes while Kafka answers.
	ObservedTime metav1.Time `json:"observedTime"`

	// ClusterID is Kafka's own cluster.id.
	// +optional
	ClusterID string `json:"clusterID,omitempty"`

	// Brokers is the number of registered brokers.
	Brokers int32 `json:"brokers"`

	// Partitions is the number of partitions.
	Partitions int32 `json:"partitions"`

	// OfflinePartitions is the number of partitions without a leader.
	OfflinePartitions int32 `json:"offlinePartitions"`

	// UnderReplicatedPartitions is the number of partitions of which not every
	// replica is in sync.
	UnderReplicatedPartitions int32 `json:"underReplicatedPartitions"`

	// IfAllLost is what would be lost if all brokers were lost at once and came
	// back from their newest good snapshots.
	IfAllLost KafkaLoss `json:"ifAllLost"`

	// VolumesAtRisk is the number of broker volumes whose loss would lose
	// records.
	VolumesAtRisk int32 `json:"volumesAtRisk"`

	// AtRisk are the first of these volumes, those that would lose the most
	// records first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	AtRisk []VolumeAtRisk `json:"atRisk,omitempty"`
}

// KafkaLoss is what would be lost.
type KafkaLoss struct {
	// Partitions is the number of partitions that would lose records.
	Partitions int32 `json:"partitions"`

	// Records is the number of these records.
	Records int64 `json:"records"`

	// Message says it in words, and whether the number is exact: "nothing", or
	// "at most 48,211 records of 3 partitions".
	Message string `json:"message"`
}

// VolumeAtRisk is a broker volume whose loss would lose records: no other broker
// has them.
type VolumeAtRisk struct {
	// Volume is the slot: which volume of the cluster it is.
	Volume string `json:"volume"`

	// Broker is the node that the volume is of.
	Broker string `json:"broker"`

	KafkaLoss `json:",inline"`
}
