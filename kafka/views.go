package kafka

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxViews is how many brokers are asked for their own view of the partitions: each
// answer has all of them.
const maxViews = 5

// Confirm asks several brokers, this one first, for their own view of the partitions,
// and keeps the newest. A broker that is cut off from the controllers goes on
// answering with what it knew before: by its word alone a replica that is out of
// sync, such as its own, would be taken for one that is.
func (c *Client) Confirm(ctx context.Context, o *Observation, broker int32) {
	var mu sync.Mutex
	each(ctx, o.views(broker), func(ctx context.Context, id int32) {
		resp, err := askBroker[*kmsg.MetadataResponse](ctx, c, id, kmsg.NewPtrMetadataRequest())
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			o.Silent = append(o.Silent, Silence{id, err})
			return
		}
		o.heed(newObservation(resp, o.At))
	})
	slices.SortFunc(o.Silent, func(a, b Silence) int { return cmp.Compare(a.Broker, b.Broker) })
}

// views returns the brokers that are asked for their view.
func (o *Observation) views(broker int32) (ids []int32) {
	if o.answers(broker) {
		ids = append(ids, broker)
	}
	for _, b := range o.Brokers {
		if len(ids) < maxViews && b.ID != broker && o.answers(b.ID) {
			ids = append(ids, b.ID)
		}
	}
	return ids
}

// heed takes over what another broker knows of the partitions.
func (o *Observation) heed(view *Observation) {
	for _, t := range view.Topics {
		own := o.Topic(t.Name)
		if own == nil {
			o.Topics = append(o.Topics, t)
			slices.SortFunc(o.Topics, func(a, b Topic) int { return cmp.Compare(a.Name, b.Name) })
			continue
		}
		for _, p := range t.Partitions {
			if mine := own.partition(p.Number); mine != nil {
				mine.heed(p, own.ID == t.ID)
				continue
			}
			own.Partitions = append(own.Partitions, p)
			slices.SortFunc(own.Partitions, func(a, b Partition) int { return cmp.Compare(a.Number, b.Number) })
		}
	}
}

// heed takes over a newer state of the partition. Of two that may be as new, or are
// of different topics with its name, only those replicas count as in sync that both
// say are.
func (p *Partition) heed(view Partition, sameTopic bool) {
	switch {
	case sameTopic && view.LeaderEpoch < p.LeaderEpoch:
	case sameTopic && view.LeaderEpoch > p.LeaderEpoch:
		*p = view
	default:
		p.ISR = slices.DeleteFunc(slices.Clone(p.ISR), func(id int32) bool { return !slices.Contains(view.ISR, id) })
		for _, id := range view.Replicas {
			if !slices.Contains(p.Replicas, id) {
				p.Replicas = append(slices.Clone(p.Replicas), id)
			}
		}
	}
}
