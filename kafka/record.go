package kafka

import (
	"cmp"
	"hash/fnv"
	"slices"
	"time"
)

// Record is what a snapshot carries of its log dir: the ends of its partitions, as
// their leaders had them when Kafka was asked. What was written later may be
// missing from the snapshot.
type Record struct {
	At        time.Time // in seconds
	ClusterID string
	Topics    []RecordedTopic // by name
	Omitted   int             // partitions that did not fit: what the snapshot has of them is not known
}

// RecordedTopic is a topic with its partitions in the log dir.
type RecordedTopic struct {
	Name       string
	ID         TopicHash
	Partitions []RecordedPartition // by number
}

// TopicHash is a short hash of a [TopicID]: enough to see that a topic was deleted
// and made again. Zero: the id is not known.
type TopicHash uint32

// topicHashBits keeps a hash short: one of 16 million is taken for another.
const topicHashBits = 24

// Hash returns the short hash of the id.
func (id TopicID) Hash() TopicHash {
	if id == (TopicID{}) {
		return 0
	}
	h := fnv.New32a()
	h.Write(id[:]) // it never fails
	return TopicHash(max(h.Sum32()>>(32-topicHashBits), 1))
}

// Is reports whether the hash is of the topic with the id. Where one of them is not
// known, as before Kafka 2.8, it is taken to be.
func (h TopicHash) Is(id TopicID) bool { return h == 0 || id == (TopicID{}) || h == id.Hash() }

// RecordedPartition is a partition as its leader had it.
type RecordedPartition struct {
	Number      int32
	LeaderEpoch int32
	End         int64 // [NoOffset]: not known, or the volume's replica was not in sync
}

// RecordOf returns what a broker has in some of its log dirs, given by their
// paths; without paths, in all. A broker that has not told its log dirs has every
// partition that it is a replica of. Of a replica that is not in sync it is only
// known that it lacks something: Kafka does not tell how much.
func RecordOf(o *Observation, broker int32, dirs ...string) Record {
	r := Record{At: o.At.UTC().Truncate(time.Second), ClusterID: o.ClusterID}
	for at, p := range o.held(broker, dirs) {
		if n := len(r.Topics); n == 0 || r.Topics[n-1].Name != at.Name {
			r.Topics = append(r.Topics, RecordedTopic{Name: at.Name, ID: at.ID.Hash()})
		}
		t := &r.Topics[len(r.Topics)-1]
		recorded := RecordedPartition{p.Number, p.LeaderEpoch, p.End}
		if !p.complete(broker) {
			recorded.End = NoOffset
		}
		t.Partitions = append(t.Partitions, recorded)
	}
	return r
}

// Find returns a recorded partition, and the hash of its topic's id; false: it is
// not in the record.
func (r *Record) Find(tp TopicPartition) (RecordedPartition, TopicHash, bool) {
	i, ok := slices.BinarySearchFunc(r.Topics, tp.Topic, func(t RecordedTopic, name string) int { return cmp.Compare(t.Name, name) })
	if !ok {
		return RecordedPartition{}, 0, false
	}
	t := &r.Topics[i]
	n, ok := slices.BinarySearchFunc(t.Partitions, tp.Partition, func(p RecordedPartition, n int32) int { return cmp.Compare(p.Number, n) })
	if !ok {
		return RecordedPartition{}, t.ID, false
	}
	return t.Partitions[n], t.ID, true
}

// Len is the number of recorded partitions, without the omitted ones.
func (r *Record) Len() int {
	n := 0
	for i := range r.Topics {
		n += len(r.Topics[i].Partitions)
	}
	return n
}
