package kafka

import (
	"cmp"
	"iter"
	"slices"
)

// Topic returns the topic of this name; nil: there is none.
func (o *Observation) Topic(name string) *Topic {
	i, ok := slices.BinarySearchFunc(o.Topics, name, func(t Topic, name string) int { return cmp.Compare(t.Name, name) })
	if !ok {
		return nil
	}
	return &o.Topics[i]
}

func (t *Topic) partition(number int32) *Partition {
	i, ok := slices.BinarySearchFunc(t.Partitions, number, func(p Partition, n int32) int { return cmp.Compare(p.Number, n) })
	if !ok {
		return nil
	}
	return &t.Partitions[i]
}

// Partition returns a partition; false: there is no such one.
func (o *Observation) Partition(tp TopicPartition) (Partition, bool) {
	if t := o.Topic(tp.Topic); t != nil {
		if p := t.partition(tp.Partition); p != nil {
			return *p, true
		}
	}
	return Partition{}, false
}

// EachReplicaOf returns the partitions that have a replica on the broker.
func (o *Observation) EachReplicaOf(broker int32) iter.Seq2[*Topic, *Partition] {
	return func(yield func(*Topic, *Partition) bool) {
		for t := range o.Topics {
			for p := range o.Topics[t].Partitions {
				partition := &o.Topics[t].Partitions[p]
				if slices.Contains(partition.Replicas, broker) && !yield(&o.Topics[t], partition) {
					return
				}
			}
		}
	}
}

// Registered reports whether the broker is in the cluster, and not fenced.
func (o *Observation) Registered(broker int32) bool {
	return slices.ContainsFunc(o.Brokers, func(b Broker) bool { return b.ID == broker })
}
