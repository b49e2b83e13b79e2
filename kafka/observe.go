package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Observe implements [Cluster]. It sends three requests for the whole cluster and
// three to each broker; more only for topics whose replicas are not in sync, or that
// are not in the list of topics.
//
// The brokers are asked for their log dirs before the cluster is asked for its
// partitions: a broker that comes back answers only after its old session is over
// and it has left the ISRs, so that it never seems in sync by its former life.
func (c *Client) Observe(ctx context.Context) (*Observation, error) {
	at := time.Now()
	ids, err := c.brokers(ctx)
	if err != nil {
		return nil, err
	}
	asked := c.askLogDirs(ctx, ids)
	resp, err := c.metadata(ctx)
	if err != nil {
		return nil, err
	}
	if n := partitionsIn(resp); n > maxPartitions {
		return nil, fmt.Errorf("the Kafka cluster has %d partitions: more than %d are not observed", n, maxPartitions)
	}
	o := newObservation(resp, at)
	c.observeBrokers(ctx, o, asked)
	if len(o.Silent) == len(o.Brokers) && len(o.Silent) > 0 {
		return nil, o.Silent[0].Why
	}
	c.observeHidden(ctx, o)
	c.observeISR(ctx, o)
	c.observeQuorum(ctx, o)
	return o, ctx.Err()
}

// maxPartitions is how many partitions of a cluster are observed at most. An
// observation of so many takes 40 MB.
const maxPartitions = 200_000

func partitionsIn(resp *kmsg.MetadataResponse) (n int) {
	for _, t := range resp.Topics {
		n += len(t.Partitions)
	}
	return n
}

// newObservation returns what the metadata tells. It does not trust the order or
// the numbers in it.
func newObservation(resp *kmsg.MetadataResponse, at time.Time) *Observation {
	o := &Observation{At: at, Controller: resp.ControllerID}
	if resp.ClusterID != nil {
		o.ClusterID = *resp.ClusterID
	}
	for _, b := range resp.Brokers {
		o.Brokers = append(o.Brokers, Broker{ID: b.NodeID, Host: b.Host, Port: b.Port})
	}
	slices.SortFunc(o.Brokers, func(a, b Broker) int { return cmp.Compare(a.ID, b.ID) })
	o.Brokers = slices.CompactFunc(o.Brokers, func(a, b Broker) bool { return a.ID == b.ID })
	for _, t := range resp.Topics {
		if t.Topic == nil || t.ErrorCode != 0 { // being deleted, or not ours to see
			continue
		}
		topic := Topic{Name: *t.Topic, ID: t.TopicID, Partitions: make([]Partition, 0, len(t.Partitions))}
		for _, p := range t.Partitions {
			topic.Partitions = append(topic.Partitions, Partition{
				Number: p.Partition, Leader: p.Leader, LeaderEpoch: p.LeaderEpoch,
				Replicas: p.Replicas, ISR: p.ISR, Start: NoOffset, End: NoOffset,
			})
		}
		slices.SortFunc(topic.Partitions, func(a, b Partition) int { return cmp.Compare(a.Number, b.Number) })
		topic.Partitions = slices.CompactFunc(topic.Partitions, func(a, b Partition) bool { return a.Number == b.Number })
		o.Topics = append(o.Topics, topic)
	}
	slices.SortFunc(o.Topics, func(a, b Topic) int { return cmp.Compare(a.Name, b.Name) })
	o.Topics = slices.CompactFunc(o.Topics, func(a, b Topic) bool { return a.Name == b.Name })
	return o
}

// heard is what a broker said of its log dirs.
type heard struct {
	dirs []LogDir
	err  error
}

// errJoined says why a broker was not asked.
var errJoined = errors.New("it has joined while the others were asked")

func (c *Client) askLogDirs(ctx context.Context, brokers []int32) map[int32]heard {
	var mu sync.Mutex
	all := map[int32]heard{}
	each(ctx, brokers, func(ctx context.Context, broker int32) {
		dirs, err := c.logDirs(ctx, broker)
		mu.Lock()
		defer mu.Unlock()
		all[broker] = heard{dirs, err}
	})
	return all
}

// observeBrokers adds the log dirs, and asks each broker that answers for the
// offsets of the partitions that it leads.
func (c *Client) observeBrokers(ctx context.Context, o *Observation, asked map[int32]heard) {
	leads := map[int32][]led{}
	for t := range o.Topics {
		for p := range o.Topics[t].Partitions {
			partition := &o.Topics[t].Partitions[p]
			leads[partition.Leader] = append(leads[partition.Leader], led{o.Topics[t].Name, partition})
		}
	}
	var ids []int32
	silent := map[int32]error{}
	for _, b := range o.Brokers {
		said, ok := asked[b.ID]
		switch {
		case !ok:
			silent[b.ID] = errJoined
		case said.err != nil:
			silent[b.ID] = said.err
		default:
			o.LogDirs = append(o.LogDirs, said.dirs...)
			ids = append(ids, b.ID)
		}
	}
	var mu sync.Mutex
	each(ctx, ids, func(ctx context.Context, broker int32) {
		// A partition has one leader, so that no two brokers write to the same one.
		if err := c.observeOffsets(ctx, broker, leads[broker]); err != nil {
			mu.Lock()
			defer mu.Unlock()
			silent[broker] = err
		}
	})
	for _, id := range slices.Sorted(maps.Keys(silent)) {
		o.Silent = append(o.Silent, Silence{id, silent[id]})
	}
}
