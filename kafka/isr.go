package kafka

import (
	"context"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	configMinISR  = "min.insync.replicas"
	configCleanup = "cleanup.policy"

	// featureELR is the feature of eligible leader replicas (KIP-966). At level 1
	// brokers know them.
	featureELR = "eligible.leader.replicas.version"

	// pageTopics is how many topics one request asks about.
	pageTopics = 1000
)

// observeISR adds min.insync.replicas and cleanup.policy of all topics, and the eligible leader
// replicas of those that have replicas out of sync. What may not be asked stays
// unknown.
func (c *Client) observeISR(ctx context.Context, o *Observation) {
	for page := range slices.Chunk(o.Topics, pageTopics) {
		c.observeConfigs(ctx, page)
	}
	if o.ELRKnown = c.hasELR(ctx); !o.ELRKnown {
		return
	}
	for t := range o.Topics {
		topic := &o.Topics[t]
		if slices.ContainsFunc(topic.Partitions, func(p Partition) bool { return len(p.ISR) < len(p.Replicas) }) {
			c.observeELR(ctx, topic)
		}
	}
}

func (c *Client) observeConfigs(ctx context.Context, topics []Topic) {
	req := kmsg.NewPtrDescribeConfigsRequest()
	for _, t := range topics {
		resource := kmsg.NewDescribeConfigsRequestResource()
		resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, t.Name
		resource.ConfigNames = []string{configMinISR, configCleanup}
		req.Resources = append(req.Resources, resource)
	}
	resp, err := askAny[*kmsg.DescribeConfigsResponse](ctx, c, req)
	if err != nil { // without the right DescribeConfigs
		return
	}
	known := map[string]*Topic{}
	for t := range topics {
		known[topics[t].Name] = &topics[t]
	}
	for _, r := range resp.Resources {
		t := known[r.ResourceName]
		if t == nil {
			continue
		}
		for _, config := range r.Configs {
			t.configure(config.Name, config.Value)
		}
	}
}

// configure notes one of a topic's settings.
func (t *Topic) configure(name string, value *string) {
	switch {
	case value == nil:
	case name == configCleanup:
		t.Cleanup = *value
	case name == configMinISR:
		if n, err := strconv.ParseInt(*value, 10, 32); err == nil {
			t.MinISR = int32(n)
		}
	}
}

// hasELR reports whether the cluster keeps eligible leader replicas.
func (c *Client) hasELR(ctx context.Context) bool {
	resp, err := askAny[*kmsg.ApiVersionsResponse](ctx, c, kmsg.NewPtrApiVersionsRequest())
	return err == nil && slices.ContainsFunc(resp.FinalizedFeatures, func(f kmsg.ApiVersionsResponseFinalizedFeature) bool {
		return f.Name == featureELR && f.MaxVersionLevel >= 1
	})
}

func (c *Client) observeELR(ctx context.Context, t *Topic) {
	var from *kmsg.DescribeTopicPartitionsRequestCursor
	for range len(t.Partitions) + 1 { // each page has at least one partition
		req := kmsg.NewPtrDescribeTopicPartitionsRequest()
		topic := kmsg.NewDescribeTopicPartitionsRequestTopic()
		topic.Topic = t.Name
		req.Topics, req.Cursor = append(req.Topics, topic), from
		resp, err := askAny[*kmsg.DescribeTopicPartitionsResponse](ctx, c, req)
		if err != nil {
			return
		}
		for _, answered := range resp.Topics {
			if answered.Topic != nil && *answered.Topic == t.Name {
				t.setELR(answered.Partitions)
			}
		}
		if resp.NextCursor == nil {
			return
		}
		from = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: resp.NextCursor.Topic, Partition: resp.NextCursor.Partition}
	}
}

func (t *Topic) setELR(answered []kmsg.DescribeTopicPartitionsResponseTopicPartition) {
	for _, a := range answered {
		if p := t.partition(a.Partition); p != nil {
			p.ELR = a.EligibleLeaderReplicas
		}
	}
}
