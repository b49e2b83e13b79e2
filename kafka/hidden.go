package kafka

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
)

// observeHidden finds topics that the user may not describe. The list of topics
// leaves them out without a word, but they are in the log dirs. A topic that was
// deleted meanwhile is no hidden one.
func (c *Client) observeHidden(ctx context.Context, o *Observation) {
	unlisted := o.unlisted()
	if len(unlisted) == 0 {
		return
	}
	resp, err := c.metadata(ctx, unlisted...)
	if err != nil {
		o.Hidden = unlisted // as far as is known
		return
	}
	for _, t := range resp.Topics {
		if t.Topic != nil && t.ErrorCode == kerr.TopicAuthorizationFailed.Code {
			o.Hidden = append(o.Hidden, *t.Topic)
		}
	}
	slices.Sort(o.Hidden)
}

// unlisted returns the topics in the log dirs that are not in the list of topics.
func (o *Observation) unlisted() (names []string) {
	for _, dir := range o.LogDirs {
		for _, r := range dir.Replicas {
			if o.Topic(r.Topic) == nil {
				names = append(names, r.Topic)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
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
