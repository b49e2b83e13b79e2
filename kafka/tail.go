package kafka

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Log reads records. A [Scanner] does.
type Log interface {
	Ends(ctx context.Context, topics ...string) (starts, ends map[TopicPartition]int64, err error)
	Since(context.Context, TopicPartition, time.Time) (int64, error)
	Scan(ctx context.Context, tp TopicPartition, from, to int64, enough func(*kgo.Record) bool) error
}

// Tail is a lost range, and where a copy of it is in another cluster. The offsets of
// a copy are others than those of the original.
type Tail struct {
	LostRange
	CopyFrom, CopyTo int64  // its offsets in the other cluster, the second exclusive
	Why              string // it cannot be copied from there; empty: it can
}

// lookBack is how far before a lost range the last record before it is looked for:
// markers of transactions and compaction leave offsets out.
const lookBack = 1000

// FindTails finds copies of lost ranges in another cluster, under the same topic and
// partition, as MirrorMaker 2 makes them with its IdentityReplicationPolicy. It
// also returns where the partitions of these topics start and end there.
func FindTails(ctx context.Context, restored, other Log, lost []LostRange) (tails []Tail, starts, ends map[TopicPartition]int64, err error) {
	var topics []string
	for _, l := range lost {
		topics = append(topics, l.Topic)
	}
	slices.Sort(topics)
	topics = slices.Compact(topics)
	ownStarts, ownEnds, err := restored.Ends(ctx, topics...)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("ask the restored cluster: %w", err)
	}
	if starts, ends, err = other.Ends(ctx, topics...); err != nil {
		return nil, nil, nil, fmt.Errorf("ask the other cluster: %w", err)
	}
	for _, l := range lost {
		t := Tail{LostRange: l, CopyTo: ends[l.TopicPartition]}
		if _, ok := ends[l.TopicPartition]; !ok {
			t.Why = "the other cluster has no such partition"
		} else if err := t.find(ctx, restored, other, [2]int64{ownStarts[l.TopicPartition], ownEnds[l.TopicPartition]}, starts[l.TopicPartition]); err != nil {
			return nil, nil, nil, err
		}
		tails = append(tails, t)
	}
	return tails, starts, ends, nil
}

// find finds the copy of the last record before the range: the copy of the range
// begins behind that. own are the first offset of the restored log, and its end.
func (t *Tail) find(ctx context.Context, restored, other Log, own [2]int64, start int64) error {
	var before *kgo.Record
	err := restored.Scan(ctx, t.TopicPartition, max(own[0], t.From-lookBack), min(t.From, own[1]), func(r *kgo.Record) bool {
		before = r
		return false
	})
	if err != nil {
		return fmt.Errorf("ask the restored cluster: %w", err)
	}
	switch {
	case before != nil:
		at, err := copyOf(ctx, other, t.TopicPartition, before, start, t.CopyTo)
		if err != nil {
			return fmt.Errorf("ask the other cluster: %w", err)
		}
		if at < 0 {
			t.Why = fmt.Sprintf("the other cluster has no copy of the record before it, at offset %d of %s", before.Offset, before.Timestamp.UTC().Format(time.RFC3339))
			return nil
		}
		t.CopyFrom = at + 1
	case t.From == 0:
		t.CopyFrom = start
	default:
		t.Why = "there is no record left before it that could be looked for in the other cluster"
		return nil
	}
	return t.limit(ctx, restored, other, own[1])
}

// limit finds out whether the mirror has gone on since the restore: then the copy
// has new records behind the lost ones, which must not come back a second time.
func (t *Tail) limit(ctx context.Context, restored, other Log, end int64) error {
	var fresh *kgo.Record
	err := restored.Scan(ctx, t.TopicPartition, t.From, end, func(r *kgo.Record) bool {
		fresh = r
		return true
	})
	if err != nil {
		return fmt.Errorf("ask the restored cluster: %w", err)
	}
	if fresh != nil {
		at, err := copyOf(ctx, other, t.TopicPartition, fresh, t.CopyFrom, t.CopyTo)
		if err != nil {
			return fmt.Errorf("ask the other cluster: %w", err)
		}
		if at >= 0 {
			t.CopyTo = at
			t.Why = fmt.Sprintf("the mirror has gone on since the restore: the lost records are at offsets %d to %d there, and new ones behind them, where MirrorMaker 2 would not stop", t.CopyFrom, t.CopyTo-1)
			return nil
		}
	}
	if t.CopyFrom >= t.CopyTo {
		t.Why = "the other cluster has none of them: its copy ends before"
		return nil
	}
	return t.again(ctx, restored, other, end)
}

// again finds out whether the range was fetched before. A second time would make
// each of its records twice.
func (t *Tail) again(ctx context.Context, restored, other Log, end int64) error {
	var first *kgo.Record
	err := other.Scan(ctx, t.TopicPartition, t.CopyFrom, t.CopyTo, func(r *kgo.Record) bool {
		first = r
		return true
	})
	if err != nil || first == nil {
		return err
	}
	at, err := copyOf(ctx, restored, t.TopicPartition, first, t.From, end)
	if err != nil {
		return fmt.Errorf("ask the restored cluster: %w", err)
	}
	if at >= 0 {
		t.Why = fmt.Sprintf("fetched already: the first of them is at offset %d of the restored cluster", at)
	}
	return nil
}

// copyOf returns the offset of a record's copy in a range; -1: there is none. Of
// several it is the first: a record twice is better than none.
func copyOf(ctx context.Context, log Log, tp TopicPartition, of *kgo.Record, from, to int64) (at int64, err error) {
	at = -1
	since, err := log.Since(ctx, tp, of.Timestamp)
	if err != nil {
		return at, err
	}
	err = log.Scan(ctx, tp, max(from, since), to, func(r *kgo.Record) bool {
		if r.Timestamp.Equal(of.Timestamp) && bytes.Equal(r.Key, of.Key) && bytes.Equal(r.Value, of.Value) {
			at = r.Offset
		}
		return at >= 0
	})
	return at, err
}

// ByPartition sorts lost ranges, and makes one of those of the same partition: the
// log dirs of several brokers had replicas of it.
func ByPartition(all []LostRange) []LostRange {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b LostRange) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.From, b.From))
	})
	var merged []LostRange
	for _, l := range all {
		if n := len(merged); n > 0 && merged[n-1].TopicPartition == l.TopicPartition {
			merged[n-1].To = max(merged[n-1].To, l.To)
			continue
		}
		merged = append(merged, l)
	}
	return merged
}
