package kafka

import "time"

// NoOffset is the offset of a partition that has no leader, or whose leader did not
// answer.
const NoOffset = -1

// Observation is the state of a Kafka cluster at one moment, as its brokers told
// it.
type Observation struct {
	At         time.Time // when the question was asked, by the asker's clock
	ClusterID  string    // Kafka's cluster.id
	Controller int32     // id of the controller that brokers know; -1: none
	Brokers    []Broker  // the registered ones, by id
	Silent     []Silence // registered brokers that did not answer, by id
	Topics     []Topic   // by name, with the internal ones
	LogDirs    []LogDir  // of the brokers that answered, by broker and path
	Hidden     []string  // topics that brokers have, and that the asker may not describe, by name
	Quorum     *Quorum   // nil: ZooKeeper, or it may not be asked
	ELRKnown   bool      // whether [Partition.ELR] is known (KIP-966, Kafka 4.0)
}

// Broker is a registered broker.
type Broker struct {
	ID   int32
	Host string // of the listener that was asked
	Port int32
}

// Silence says why a broker's answers are missing.
type Silence struct {
	Broker int32
	Why    error
}

// TopicID is Kafka's id of a topic (KIP-516). A topic that is deleted and made
// again has another one. Zero: the cluster is older than Kafka 2.8.
type TopicID [16]byte

// Topic is a topic with its partitions.
type Topic struct {
	Name       string
	ID         TopicID
	MinISR     int32       // min.insync.replicas; 0: not known
	Cleanup    string      // cleanup.policy, such as delete or compact,delete; empty: not known
	Partitions []Partition // by number
}

// Partition is a partition as the cluster's metadata and its leader have it.
type Partition struct {
	Number      int32
	Leader      int32 // id of the leading broker; -1: none
	LeaderEpoch int32
	Replicas    []int32 // ids of brokers, the preferred leader first
	ISR         []int32 // in-sync replicas
	ELR         []int32 // eligible leader replicas: not in sync, but complete (KIP-966)
	Start, End  int64   // first offset, and the one after the last; [NoOffset]: not known
}

// LogDir is a log dir of a broker.
type LogDir struct {
	Broker   int32
	Path     string
	Err      error // why it is not usable, such as a failed disk
	Replicas []Replica
}

// Replica is the copy of a partition in a log dir.
type Replica struct {
	TopicPartition
	Size   int64 // bytes on the disk
	Lag    int64 // records behind the high watermark, or behind the current replica for a future one
	Future bool  // it is being moved here from another log dir of the broker
}

// Quorum is the KRaft quorum (KIP-595).
type Quorum struct {
	Leader int32
	Voters []Voter // by id
}

// Voter is a controller of the quorum.
type Voter struct {
	ID     int32
	LogEnd int64 // end of its metadata log, as the quorum's leader knows it; -1: not known
}
