package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Scanner reads records of a Kafka cluster, to find those that another cluster has
// lost.
type Scanner struct{ config Config }

// NewScanner returns a Scanner. It connects with each question.
func NewScanner(c Config) Scanner { return Scanner{c} }

// Ends returns the first offsets and the ends of all partitions of topics. Topics
// that are not there are left out.
func (s Scanner) Ends(ctx context.Context, topics ...string) (starts, ends map[TopicPartition]int64, err error) {
	c, err := NewClient(s.config)
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	first, err := c.admin.ListStartOffsets(ctx, topics...)
	if err != nil {
		return nil, nil, fmt.Errorf("list the first offsets: %w", err)
	}
	last, err := c.admin.ListEndOffsets(ctx, topics...)
	if err != nil {
		return nil, nil, fmt.Errorf("list the last offsets: %w", err)
	}
	return offsetsOf(first), offsetsOf(last), nil
}

func offsetsOf(listed kadm.ListedOffsets) map[TopicPartition]int64 {
	all := map[TopicPartition]int64{}
	listed.Each(func(o kadm.ListedOffset) {
		if o.Err == nil {
			all[TopicPartition{o.Topic, o.Partition}] = o.Offset
		}
	})
	return all
}

// Since returns the offset of the first record of that time or later.
func (s Scanner) Since(ctx context.Context, tp TopicPartition, t time.Time) (int64, error) {
	c, err := NewClient(s.config)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	listed, err := c.admin.ListOffsetsAfterMilli(ctx, t.UnixMilli(), tp.Topic)
	if err != nil {
		return 0, fmt.Errorf("look for the time %s in %s: %w", t.UTC().Format(time.RFC3339), tp, err)
	}
	o, ok := listed.Lookup(tp.Topic, tp.Partition)
	if !ok {
		return 0, fmt.Errorf("look for the time %s in %s: no answer", t.UTC().Format(time.RFC3339), tp)
	}
	return o.Offset, o.Err
}

// Scan calls for the records of a partition from one offset up to another, without
// the markers of transactions, until it is told that it is enough.
func (s Scanner) Scan(ctx context.Context, tp TopicPartition, from, to int64, enough func(*kgo.Record) bool) error {
	if from >= to {
		return nil
	}
	opts, err := s.config.options()
	if err != nil {
		return err
	}
	c, err := kgo.NewClient(append(opts, kgo.KeepControlRecords(), kgo.KeepRetryableFetchErrors(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{tp.Topic: {tp.Partition: kgo.NewOffset().At(from)}}))...)
	if err != nil {
		return fmt.Errorf("make a Kafka client: %w", err)
	}
	defer c.Close()
	for next := from; next < to; {
		polled, cancel := context.WithTimeout(ctx, anyBroker)
		fetches := c.PollFetches(polled)
		cancel()
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("read %s from offset %d: %w", tp, next, err)
		}
		for _, r := range fetches.Records() {
			next = r.Offset + 1
			if r.Offset < to && !r.Attrs.IsControl() && enough(r) {
				return nil
			}
		}
	}
	return nil
}
