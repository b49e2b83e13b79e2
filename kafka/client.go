package kafka

import (
	"context"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"
)

// Client asks a Kafka cluster. It is safe for concurrent use.
type Client struct {
	kgo   *kgo.Client
	admin *kadm.Client
}

var _ Cluster = (*Client)(nil)

// NewClient returns a client. It does not connect yet.
func NewClient(c Config) (*Client, error) {
	opts, err := c.options()
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("make a Kafka client: %w", err)
	}
	return &Client{client, kadm.NewClient(client)}, nil
}

// Close closes all connections.
func (c *Client) Close() { c.kgo.Close() }

// askAny sends a request to any broker, and to others if that one does not answer.
func askAny[R kmsg.Response](ctx context.Context, c *Client, req kmsg.Request) (R, error) {
	ctx, cancel := context.WithTimeout(ctx, anyBroker)
	defer cancel()
	type answered struct {
		resp R
		err  error
	}
	done := make(chan answered, 1)
	go func() {
		resp, err := answer[R](c.kgo.Request(ctx, req))
		done <- answered{resp, err}
	}()
	select { // franz-go heeds the context only after a connection has begun
	case a := <-done:
		return a.resp, a.err
	case <-ctx.Done():
		var none R
		return none, ctx.Err()
	}
}

// askBroker sends a request to one broker. If the connection has ended, as after a
// restart of the broker, it makes a new one.
func askBroker[R kmsg.Response](ctx context.Context, c *Client, broker int32, req kmsg.Request) (R, error) {
	ctx, cancel := context.WithTimeout(ctx, perRequest)
	defer cancel()
	return answer[R](c.kgo.Broker(int(broker)).RetriableRequest(ctx, req))
}

func answer[R kmsg.Response](resp kmsg.Response, err error) (R, error) {
	typed, ok := resp.(R)
	if err == nil && !ok {
		err = fmt.Errorf("unexpected answer %T", resp)
	}
	return typed, err
}

// metadata returns the brokers and topics of the cluster; all topics if none is
// named.
func (c *Client) metadata(ctx context.Context, topics ...string) (*kmsg.MetadataResponse, error) {
	req := kmsg.NewPtrMetadataRequest()
	for _, name := range topics {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, topic)
	}
	resp, err := askAny[*kmsg.MetadataResponse](ctx, c, req)
	if err != nil {
		return nil, fmt.Errorf("ask Kafka for its brokers and topics: %w", err)
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return nil, fmt.Errorf("ask Kafka for its brokers and topics: %w", err)
	}
	return resp, nil
}

// brokers returns the ids of the registered brokers.
func (c *Client) brokers(ctx context.Context) ([]int32, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{} // none; nil would be all
	resp, err := askAny[*kmsg.MetadataResponse](ctx, c, req)
	if err != nil {
		return nil, fmt.Errorf("ask Kafka for its brokers: %w", err)
	}
	ids := make([]int32, 0, len(resp.Brokers))
	for _, b := range resp.Brokers {
		ids = append(ids, b.NodeID)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// byLeader groups partitions by the id of their leader. Those without a leader are
// left out.
func (c *Client) byLeader(ctx context.Context, wanted func(TopicPartition) bool, topics ...string) (map[int32][]TopicPartition, error) {
	if len(topics) == 0 {
		return nil, nil
	}
	resp, err := c.metadata(ctx, topics...)
	if err != nil {
		return nil, err
	}
	led := map[int32][]TopicPartition{}
	for _, t := range resp.Topics {
		if t.Topic == nil {
			continue
		}
		for _, p := range t.Partitions {
			if tp := (TopicPartition{*t.Topic, p.Partition}); p.Leader >= 0 && wanted(tp) {
				led[p.Leader] = append(led[p.Leader], tp)
			}
		}
	}
	return led, nil
}

// each calls for each broker or group, for a few at the same time.
func each[T any](ctx context.Context, all []T, call func(context.Context, T)) {
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, one := range all {
		group.Go(func() error {
			call(ctx, one)
			return nil
		})
	}
	_ = group.Wait() // the calls keep their errors
}

// byTopic groups partitions by topic, in a stable order.
func byTopic(all []TopicPartition) (topics []string, partitions map[string][]int32) {
	partitions = map[string][]int32{}
	for _, tp := range all {
		if partitions[tp.Topic] == nil {
			topics = append(topics, tp.Topic)
		}
		partitions[tp.Topic] = append(partitions[tp.Topic], tp.Partition)
	}
	slices.Sort(topics)
	return topics, partitions
}
