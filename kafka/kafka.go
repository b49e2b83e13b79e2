// Package kafka asks a running Kafka cluster what Kubernetes cannot know: which
// replicas are in sync, what would be lost with a broker, and what came back.
//
// Only [Client] talks to Kafka. What is made of its answers is pure.
package kafka

import "context"

// Cluster is what Snapback asks of a running Kafka cluster. Every question is
// read-only. A caller bounds it with the context.
type Cluster interface {
	// Observe returns the state of the whole cluster. A broker that does not answer
	// is in [Observation.Silent], and is no error as long as another one answers.
	Observe(context.Context) (*Observation, error)

	// EpochEnds returns where the log of each partition ends for the leader epoch:
	// the offset after the last record of that epoch or an older one (KIP-101).
	// Partitions that have no leader, or whose leader does not answer, are left out.
	EpochEnds(context.Context, map[TopicPartition]int32) (map[TopicPartition]int64, error)

	// Committed returns the committed offsets of all consumer groups, by group.
	Committed(context.Context) (map[string]map[TopicPartition]int64, error)

	// OpenTransactions returns the transactions that are open in the partitions.
	OpenTransactions(context.Context, []TopicPartition) ([]Transaction, error)

	Close()
}

// TopicPartition names a partition.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// Transaction is a transaction that a partition's leader counts as open.
type Transaction struct {
	TopicPartition
	ProducerID       int64
	ProducerEpoch    int16
	CoordinatorEpoch int32
	StartOffset      int64 // of its first record in the partition
	Hanging          bool  // its coordinator does not know it, or knows another state of it: nobody will end it
}
