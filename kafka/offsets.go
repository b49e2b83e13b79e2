package kafka

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Timestamps that stand for offsets in a ListOffsets request.
const (
	timestampLatest   = -1
	timestampEarliest = -2
)

// led is a partition in an observation, with its topic.
type led struct {
	topic string
	*Partition
}

// observeOffsets asks a broker for the first and the last offsets of the
// partitions that it leads. Partitions that it does not lead any more keep none.
func (c *Client) observeOffsets(ctx context.Context, broker int32, leads []led) error {
	if len(leads) == 0 {
		return nil
	}
	ends, err := c.listOffsets(ctx, broker, leads, timestampLatest)
	if err != nil {
		return err
	}
	starts, err := c.listOffsets(ctx, broker, leads, timestampEarliest)
	if err != nil {
		return err
	}
	for _, p := range leads {
		tp := TopicPartition{p.topic, p.Number}
		end, ended := ends[tp]
		start, started := starts[tp]
		if ended && started && 0 <= start && start <= end {
			p.Start, p.End = start, end
		}
	}
	return nil
}

func (c *Client) listOffsets(ctx context.Context, broker int32, leads []led, timestamp int64) (map[TopicPartition]int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1        // a consumer
	for _, p := range leads { // sorted by topic
		if n := len(req.Topics); n == 0 || req.Topics[n-1].Topic != p.topic {
			topic := kmsg.NewListOffsetsRequestTopic()
			topic.Topic = p.topic
			req.Topics = append(req.Topics, topic)
		}
		partition := kmsg.NewListOffsetsRequestTopicPartition()
		partition.Partition, partition.Timestamp = p.Number, timestamp
		topic := &req.Topics[len(req.Topics)-1]
		topic.Partitions = append(topic.Partitions, partition)
	}
	resp, err := askBroker[*kmsg.ListOffsetsResponse](ctx, c, broker, req)
	if err != nil {
		return nil, fmt.Errorf("ask broker %d for the offsets of its partitions: %w", broker, err)
	}
	offsets := make(map[TopicPartition]int64, len(leads))
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode == 0 {
				offsets[TopicPartition{t.Topic, p.Partition}] = p.Offset
			}
		}
	}
	return offsets, nil
}

// EpochEnds implements [Cluster].
func (c *Client) EpochEnds(ctx context.Context, epochs map[TopicPartition]int32) (map[TopicPartition]int64, error) {
	topics, _ := byTopic(slices.Collect(maps.Keys(epochs)))
	led, err := c.byLeader(ctx, func(tp TopicPartition) bool { _, ok := epochs[tp]; return ok }, topics...)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	ends := map[TopicPartition]int64{}
	each(ctx, slices.Sorted(maps.Keys(led)), func(ctx context.Context, broker int32) {
		resp, err := askBroker[*kmsg.OffsetForLeaderEpochResponse](ctx, c, broker, epochRequest(led[broker], epochs))
		if err != nil { // its partitions stay unknown, as the interface says
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if kerr.ErrorForCode(p.ErrorCode) == nil && p.EndOffset >= 0 {
					ends[TopicPartition{t.Topic, p.Partition}] = p.EndOffset
				}
			}
		}
	})
	return ends, ctx.Err()
}

func epochRequest(partitions []TopicPartition, epochs map[TopicPartition]int32) *kmsg.OffsetForLeaderEpochRequest {
	req := kmsg.NewPtrOffsetForLeaderEpochRequest()
	req.ReplicaID = -1 // a consumer
	topics, numbers := byTopic(partitions)
	for _, name := range topics {
		topic := kmsg.NewOffsetForLeaderEpochRequestTopic()
		topic.Topic = name
		for _, number := range numbers[name] {
			partition := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
			partition.Partition, partition.LeaderEpoch = number, epochs[TopicPartition{name, number}]
			topic.Partitions = append(topic.Partitions, partition)
		}
		req.Topics = append(req.Topics, topic)
	}
	return req
}
