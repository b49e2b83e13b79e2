package kafka

import (
	"context"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Committed implements [Cluster]. Groups whose coordinator does not answer are left
// out; if none is left, that is an error.
func (c *Client) Committed(ctx context.Context) (map[string]map[TopicPartition]int64, error) {
	groups, err := c.groups(ctx)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var failed error
	all := map[string]map[TopicPartition]int64{}
	each(ctx, groups, func(ctx context.Context, group string) {
		ctx, cancel := context.WithTimeout(ctx, perRequest)
		defer cancel()
		responses, err := c.admin.FetchOffsets(ctx, group)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			failed = fmt.Errorf("ask for the offsets of consumer group %s: %w", group, err)
			return
		}
		all[group] = map[TopicPartition]int64{}
		for _, o := range responses.Sorted() {
			if o.Err == nil && o.At >= 0 {
				all[group][TopicPartition{o.Topic, o.Partition}] = o.At
			}
		}
	})
	if len(all) == 0 && failed != nil {
		return nil, failed
	}
	return all, ctx.Err()
}

// groups returns the names of all consumer groups, as their coordinators know
// them. A broker that does not answer has none.
func (c *Client) groups(ctx context.Context) ([]string, error) {
	ids, err := c.brokers(ctx)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var names []string
	var failed error
	answered := false
	each(ctx, ids, func(ctx context.Context, broker int32) {
		resp, err := askBroker[*kmsg.ListGroupsResponse](ctx, c, broker, kmsg.NewPtrListGroupsRequest())
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			failed = fmt.Errorf("ask broker %d for its consumer groups: %w", broker, err)
			return
		}
		answered = true
		for _, g := range resp.Groups {
			names = append(names, g.Group)
		}
	})
	if !answered {
		return nil, failed
	}
	return names, nil
}
