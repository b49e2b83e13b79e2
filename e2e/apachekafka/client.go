package apachekafka

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

// seeds are the addresses of all brokers.
func (c *Cluster) seeds() kgo.Opt {
	var addrs []string
	for _, spec := range c.Options.Nodes {
		if spec.Role.serves() {
			addrs = append(addrs, c.Nodes[spec.ID].Addr())
		}
	}
	return kgo.SeedBrokers(addrs...)
}

// Client makes a client that quickly finds new leaders.
func (c *Cluster) Client(opts ...kgo.Opt) (*kgo.Client, error) {
	opts = append([]kgo.Opt{c.seeds(), kgo.MetadataMinAge(100 * time.Millisecond), kgo.MetadataMaxAge(2 * time.Second)}, opts...)
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("make a Kafka client: %w", err)
	}
	return client, nil
}

// Admin calls with an admin client of the cluster.
func (c *Cluster) Admin(call func(*kadm.Client) error) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	return call(kadm.NewClient(client))
}

// CreateTopic creates a topic whose partition i has the replicas placed[i],
// the preferred leader first, and waits until all have a leader.
func (c *Cluster) CreateTopic(ctx context.Context, topic string, config map[string]string, placed ...[]int32) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	var refused error
	err = c.Eventually(ctx, func(ctx context.Context) error {
		refused = createTopic(ctx, client, topic, config, placed)
		if errors.Is(refused, kerr.InvalidReplicaAssignment) {
			return refused // a new leader of the quorum does not know all brokers at once
		}
		return nil
	})
	if err = cmp.Or(refused, err); err != nil {
		return err
	}
	return c.Eventually(ctx, func(ctx context.Context) error {
		for p := range placed {
			if d, err := c.Partition(ctx, topic, int32(p)); err != nil || d.Leader < 0 {
				return errors.Join(fmt.Errorf("partition %s-%d has no leader", topic, p), err)
			}
		}
		return nil
	})
}

// Eventually polls until the condition holds.
func (c *Cluster) Eventually(ctx context.Context, condition func(context.Context) error) error {
	return cluster.Eventually(ctx, c.Patience, condition)
}

// Partition describes a partition as the cluster's metadata has it.
func (c *Cluster) Partition(ctx context.Context, topic string, partition int32) (d kadm.PartitionDetail, err error) {
	err = c.Admin(func(admin *kadm.Client) error {
		topics, err := admin.ListTopics(ctx, topic)
		if err != nil {
			return fmt.Errorf("describe topic %s: %w", topic, err)
		}
		if err := topics[topic].Err; err != nil {
			return fmt.Errorf("describe topic %s: %w", topic, err)
		}
		d = topics[topic].Partitions[partition]
		return nil
	})
	return d, err
}

// InSync waits until a partition's in-sync replicas are so many, led by one.
func (c *Cluster) InSync(ctx context.Context, topic string, partition int32, n int) error {
	return c.Eventually(ctx, func(ctx context.Context) error {
		d, err := c.Partition(ctx, topic, partition)
		if err == nil && (len(d.ISR) != n || d.Leader < 0) {
			err = fmt.Errorf("%s-%d is led by %d and in sync on %v, %d replicas are expected", topic, partition, d.Leader, d.ISR, n)
		}
		return err
	})
}

// Produced counts the records that a test has produced, by their outcome.
type Produced struct {
	Acknowledged int
	Failed       error // of the first record that was not acknowledged
}

// Numbered makes n records for a partition, numbered from first on, each with
// so many bytes as value.
func Numbered(topic string, partition int32, first, n, size int) []*kgo.Record {
	records := make([]*kgo.Record, n)
	for i := range records {
		value := make([]byte, max(8, size))
		binary.BigEndian.PutUint64(value, uint64(first+i))
		records[i] = &kgo.Record{Topic: topic, Partition: partition, Value: value}
	}
	return records
}

// Produce writes records, each to the partition it names, with acks=all and
// idempotence unless the options say otherwise, and counts what was
// acknowledged.
func (c *Cluster) Produce(ctx context.Context, records []*kgo.Record, opts ...kgo.Opt) (Produced, error) {
	client, err := c.Client(append([]kgo.Opt{kgo.RecordPartitioner(kgo.ManualPartitioner())}, opts...)...)
	if err != nil {
		return Produced{}, err
	}
	defer client.Close()
	var p Produced
	for _, r := range client.ProduceSync(ctx, records...) {
		if r.Err == nil {
			p.Acknowledged++
		} else if p.Failed == nil {
			p.Failed = r.Err
		}
	}
	return p, nil
}

// Consume reads a partition from its beginning to the end that it has now,
// once it has a leader.
func (c *Cluster) Consume(ctx context.Context, topic string, partition int32, opts ...kgo.Opt) ([]*kgo.Record, error) {
	start, end, err := c.Offsets(ctx, topic, partition)
	if err != nil {
		return nil, err
	}
	client, err := c.Client(append([]kgo.Opt{kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().At(start)}}), kgo.KeepControlRecords()}, opts...)...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var records []*kgo.Record
	for next := start; next < end; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return records, fmt.Errorf("consume %s-%d, at offset %d of %d: %w", topic, partition, next, end, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			if !r.Attrs.IsControl() {
				records = append(records, r)
			}
		})
	}
	return records, nil
}

// Offsets returns the first offset of a partition and the one after its last,
// once it has a leader.
func (c *Cluster) Offsets(ctx context.Context, topic string, partition int32) (start, end int64, err error) {
	err = c.Admin(func(admin *kadm.Client) error {
		return c.Eventually(ctx, func(ctx context.Context) error {
			starts, err := admin.ListStartOffsets(ctx, topic)
			if err != nil {
				return fmt.Errorf("list the offsets of %s: %w", topic, err)
			}
			ends, err := admin.ListEndOffsets(ctx, topic)
			if err != nil {
				return fmt.Errorf("list the offsets of %s: %w", topic, err)
			}
			s, ok := starts.Lookup(topic, partition)
			e, ok2 := ends.Lookup(topic, partition)
			if !ok || !ok2 {
				return fmt.Errorf("%s-%d: %w", topic, partition, kerr.UnknownTopicOrPartition)
			}
			start, end = s.Offset, e.Offset
			return errors.Join(s.Err, e.Err)
		})
	})
	return start, end, err
}

// Numbers reads the numbers of Numbered back.
func Numbers(records []*kgo.Record) []int {
	numbers := make([]int, len(records))
	for i, r := range records {
		numbers[i] = int(binary.BigEndian.Uint64(r.Value))
	}
	return numbers
}
