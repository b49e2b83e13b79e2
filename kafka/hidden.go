package kafka

import (
	"context"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
)

// maxHidden is how many topics one request asks for by their names.
const maxHidden = 1000

// observeHidden adds the topics that the asker may not describe. Kafka leaves them
// out of its metadata without a word, but brokers name them in their log dirs. A
// log dir can also have a topic that was deleted: asked for by its name, Kafka says
// which of the two it is. If it does not say, the topic counts as hidden.
func (c *Client) observeHidden(ctx context.Context, o *Observation) {
	missing := o.unlisted()
	for page := range slices.Chunk(missing, maxHidden) {
		gone := map[string]bool{}
		resp, err := c.metadata(ctx, page...)
		if err == nil {
			for _, t := range resp.Topics {
				if t.Topic != nil {
					gone[*t.Topic] = t.ErrorCode != kerr.TopicAuthorizationFailed.Code
				}
			}
		}
		for _, name := range page {
			if !gone[name] {
				o.Hidden = append(o.Hidden, name)
			}
		}
	}
}

// unlisted returns the names of topics that are in log dirs only.
func (o *Observation) unlisted() []string {
	names := map[string]bool{}
	for i := range o.LogDirs {
		for _, r := range o.LogDirs[i].Replicas {
			names[r.Topic] = true
		}
	}
	for i := range o.Topics {
		delete(names, o.Topics[i].Name)
	}
	return slices.Sorted(maps.Keys(names))
}

// hidden returns the partitions of hidden topics that a broker has in these log
// dirs; without any, in all.
func (o *Observation) hidden(broker int32, dirs []string) (all []TopicPartition) {
	if len(o.Hidden) == 0 {
		return nil
	}
	for i := range o.LogDirs {
		d := &o.LogDirs[i]
		if d.Broker != broker || len(dirs) > 0 && !slices.Contains(dirs, d.Path) {
			continue
		}
		for _, r := range d.Replicas {
			if _, ok := slices.BinarySearch(o.Hidden, r.Topic); ok && !r.Future {
				all = append(all, r.TopicPartition)
			}
		}
	}
	return all
}

// HiddenOn returns the hidden topics of which the broker has partitions; all of them
// if it has not told what it has.
func (o *Observation) HiddenOn(broker int32) (names []string) {
	if !o.answers(broker) {
		return o.Hidden
	}
	for _, dir := range o.LogDirs {
		for _, r := range dir.Replicas {
			if _, hidden := slices.BinarySearch(o.Hidden, r.Topic); hidden && dir.Broker == broker {
				names = append(names, r.Topic)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
