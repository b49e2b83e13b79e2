package inventory

import (
	"context"
	"fmt"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
)

// Listed are the lost ranges of users' topics that a report lists, and whether these
// are all that there are.
func (r Restore) Listed() (lost []kafka.LostRange, all bool) {
	if r.Kafka == nil {
		return nil, true
	}
	for _, l := range r.Kafka.LostPartitions {
		tp := kafka.TopicPartition{Topic: l.Topic, Partition: l.Partition}
		if !tp.Internal() {
			lost = append(lost, kafka.LostRange{TopicPartition: tp, From: l.From, To: l.To, Exactness: kafka.Exactness(l.Exactness)})
		}
	}
	return lost, int(r.Kafka.PartitionsLost) <= len(r.Kafka.LostPartitions)
}

// Compare finds all lost ranges of a restore anew, with what a snapshot of its
// volume has recorded. A report has only the first ones.
func (i *Inventory) Compare(ctx context.Context, r Restore, c kafka.Cluster) ([]kafka.LostRange, error) {
	before := i.recordOf(r)
	if before == nil {
		return nil, fmt.Errorf("no snapshot of the volume of claim %s has the record of what Kafka had at its last observation any more, so only the first lost partitions are known", r.PersistentVolumeClaim)
	}
	ends, err := c.EpochEnds(ctx, before.Epochs())
	if err != nil {
		return nil, fmt.Errorf("ask Kafka where its leaders' epochs end: %w", err)
	}
	now, err := c.Observe(ctx)
	if err != nil {
		return nil, err
	}
	var lost []kafka.LostRange
	for _, l := range (kafka.Restored{Broker: *r.Kafka.Broker, Before: before, Now: now, EpochEnds: ends}).After().Losses {
		if !l.Internal() {
			lost = append(lost, l)
		}
	}
	return lost, nil
}

// recordOf returns the record that the report of a restore was made with; nil: it
// is gone.
func (i *Inventory) recordOf(r Restore) *kafka.Record {
	if r.Kafka == nil || r.Kafka.ObservedTime == nil || r.Kafka.Broker == nil {
		return nil
	}
	for _, v := range i.Volumes {
		if v.Node != r.Broker {
			continue
		}
		for _, s := range v.Snapshots {
			if s.SourcePVC != r.PersistentVolumeClaim && s.Name != r.VolumeSnapshot {
				continue
			}
			for _, annotation := range []string{v1alpha1.AnnotationKafkaLastObserved, v1alpha1.AnnotationKafkaObserved} {
				record, err := kafka.Decode(v.Objects[s.Name].Annotations[annotation])
				if err == nil && record.At.Equal(r.Kafka.ObservedTime.Time) {
					return &record
				}
			}
		}
	}
	return nil
}
