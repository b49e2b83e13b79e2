package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// RestoreReport says how far a restored broker has come, and when it is in sync,
// what is gone. Each list has the first 10 of what was found.
type RestoreReport struct {
	// Message says in words how far the broker is, or what the report found.
	Message string `json:"message"`

	// Broker is Kafka's id of the broker; absent if it is not known.
	// +optional
	Broker *int32 `json:"broker,omitempty"`

	// Partitions is the number of partitions that the broker has a replica of.
	// +optional
	Partitions int32 `json:"partitions,omitempty"`

	// InSync is the number of them that have a leader, and the broker in sync.
	// +optional
	InSync int32 `json:"inSync,omitempty"`

	// InSyncTime is when the broker was first seen in sync in all of them; absent
	// while it is not.
	// +optional
	InSyncTime *metav1.Time `json:"inSyncTime,omitempty"`

	// ReportedTime is when the report was made; absent while the broker is
	// followed. Without inSyncTime it is when the following ended without a report.
	// +optional
	ReportedTime *metav1.Time `json:"reportedTime,omitempty"`

	// ObservedTime is when Kafka was last observed before the loss. What is gone
	// is counted from what it had then. Absent if it was not observed.
	// +optional
	ObservedTime *metav1.Time `json:"observedTime,omitempty"`

	// RecordsGone is the number of records that had been observed, and are gone,
	// without those of Kafka's internal topics; absent if it is not known.
	// +optional
	RecordsGone *int64 `json:"recordsGone,omitempty"`

	// Exactness says how exact recordsGone is: Exactly; AtMost, where topics are
	// compacted or transactions open; AtLeast, where the controllers were set
	// back, too; About, if both.
	// +optional
	// +kubebuilder:validation:Enum=Exactly;AtMost;AtLeast;About
	Exactness string `json:"exactness,omitempty"`

	// PartitionsLost is the number of partitions that lack records, internal
	// topics included.
	// +optional
	PartitionsLost int32 `json:"partitionsLost,omitempty"`

	// LostPartitions are the partitions that lack records.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	LostPartitions []LostPartition `json:"lostPartitions,omitempty"`

	// PartitionsUnknown is the number of partitions whose leader did not say what
	// it has.
	// +optional
	PartitionsUnknown int32 `json:"partitionsUnknown,omitempty"`

	// GroupsBeyondEnd are consumer groups that have committed an offset that is
	// gone.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	GroupsBeyondEnd []GroupBeyondEnd `json:"groupsBeyondEnd,omitempty"`

	// HangingTransactions are open transactions that nobody will end. Consumers
	// with read_committed wait for them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	HangingTransactions []HangingTransaction `json:"hangingTransactions,omitempty"`

	// UncleanLeaders are partitions with several replicas whose leader lacks
	// records, or may lack some.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	UncleanLeaders []UncleanLeader `json:"uncleanLeaders,omitempty"`

	// TopicsMadeAgain are topics that were deleted and made again between the
	// observation and the report. What the earlier one had is not counted.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	TopicsMadeAgain []string `json:"topicsMadeAgain,omitempty"`

	// TopicsGone are topics that the cluster does not have any more: they were
	// deleted, or the controllers were restored from before they were made.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	TopicsGone []string `json:"topicsGone,omitempty"`
}

// LostPartition is a range of offsets that a partition has lost.
type LostPartition struct {
	// Topic is the name of the topic.
	Topic string `json:"topic"`

	// Partition is the number of the partition.
	Partition int32 `json:"partition"`

	// From is the first lost offset.
	From int64 `json:"from"`

	// To is the offset after the last lost one that had been observed.
	To int64 `json:"to"`

	// Exactness says how exactly that is the number of lost records.
	// +kubebuilder:validation:Enum=Exactly;AtMost;AtLeast;About
	Exactness string `json:"exactness"`
}

// GroupBeyondEnd is a consumer group that has committed an offset that is gone.
type GroupBeyondEnd struct {
	// Group is the name of the group: its first 255 bytes.
	Group string `json:"group"`

	// Topic is the name of the topic.
	Topic string `json:"topic"`

	// Partition is the number of the partition.
	Partition int32 `json:"partition"`

	// Committed is the offset that the group has committed.
	Committed int64 `json:"committed"`

	// End is where the partition ended when the report was made. If it is not
	// before committed, new records have reached that offset, and the group has
	// read them or will skip them.
	End int64 `json:"end"`

	// ResetTo is the offset to which the group has to be set back to miss no new
	// record; absent if it is not known.
	// +optional
	ResetTo *int64 `json:"resetTo,omitempty"`
}

// HangingTransaction is a transaction that nobody will end.
type HangingTransaction struct {
	// Topic is the name of the topic.
	Topic string `json:"topic"`

	// Partition is the number of the partition.
	Partition int32 `json:"partition"`

	// StartOffset is the offset of its first record in the partition.
	StartOffset int64 `json:"startOffset"`

	// ProducerID is Kafka's id of its producer.
	ProducerID int64 `json:"producerID"`
}

// UncleanLeader is the leader of a partition with several replicas that lacks
// records, or may lack some.
type UncleanLeader struct {
	// Topic is the name of the topic.
	Topic string `json:"topic"`

	// Partition is the number of the partition.
	Partition int32 `json:"partition"`

	// Leader is the id of the broker that leads it.
	Leader int32 `json:"leader"`

	// Lost says that it lacks records that had been observed. Otherwise it may.
	// +optional
	Lost bool `json:"lost,omitempty"`

	// Down are ids of the brokers with other replicas that did not run. What they
	// have more than the leader is cut off when they start.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	Down []int32 `json:"down,omitempty"`
}
