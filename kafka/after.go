package kafka

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// Restored is what is known about the log dir of a broker that was restored and is
// in sync again.
type Restored struct {
	Broker    int32
	Before    *Record      // the last one before the loss; nil: Kafka was not observed then
	Taken     *Record      // what the snapshot has; nil: not known
	Now       *Observation // asked after the other questions, so that no log ends earlier than they say
	EpochEnds map[TopicPartition]int64
	Committed map[string]map[TopicPartition]int64
	Open      []Transaction
}

// Aftermath is what a restore has brought back, and what it has not.
type Aftermath struct {
	Observed     time.Time   // losses are counted from what Kafka had then; zero: nothing is known of before
	OtherCluster bool        // the record is of a cluster with another id: nothing can be compared
	Partitions   int         // how many were compared; without a record, how many the broker has
	Omitted      int         // how many more there were, of which nothing is recorded
	Losses       []LostRange // by topic and partition
	Unknown      []TopicPartition
	Beyond       []Beyond
	Hanging      []Transaction
	Unclean      []Unclean
	MadeAgain    []string // topics that were deleted, and made again under the same name
	Gone         []string // topics that the cluster does not have any more
}

// Exactness says how a number of lost offsets relates to the number of lost
// records, as far as those had been observed.
type Exactness string

const (
	// Exactly counts each offset as a record. The markers at the end of
	// transactions have offsets, too.
	Exactly Exactness = "Exactly"

	// AtMost is said of topics that are compacted, or may be, and of partitions with
	// open transactions: some of the offsets held no record any more, or ever.
	AtMost Exactness = "AtMost"

	// AtLeast is said where the controllers were set back, too: records that were
	// written since the restore hide lost ones.
	AtLeast Exactness = "AtLeast"

	// About is a sum of numbers of which some are too high and some too low.
	About Exactness = "About"
)

// LostRange is a range of offsets that a partition had, and has lost.
type LostRange struct {
	TopicPartition
	From, To  int64 // the first lost offset, and the one after the last
	Exactness Exactness
}

// Offsets is the length of the lost range.
func (l LostRange) Offsets() int64 { return l.To - l.From }

// internalTopics are the topics that Kafka writes itself.
var internalTopics = []string{"__consumer_offsets", "__share_group_state", "__transaction_state"}

// Internal reports whether Kafka writes the topic itself.
func (tp TopicPartition) Internal() bool { return slices.Contains(internalTopics, tp.Topic) }

// Beyond is a consumer group that has committed an offset that is lost.
type Beyond struct {
	Group string
	TopicPartition
	Committed int64
	End       int64 // of the log now
	Back      int64 // where it has to go to read every record that was written since; [NoOffset]: not known

	// Maybe says that new records have reached the committed offset since. Either
	// the group has read them, or it will skip them.
	Maybe bool
}

// Unclean is a partition whose leader did not have all records when it was
// elected, or may not have had them.
type Unclean struct {
	TopicPartition
	Leader int32
	Lost   bool    // it lacks records that had been observed
	Down   []int32 // replicas that are not in the cluster now: what they have more is cut off when they start
}

// After compares what a broker's log dir had before its loss with what is there
// now.
func (r Restored) After() Aftermath {
	var a Aftermath
	r.compare(&a)
	a.MadeAgain = append(a.MadeAgain, r.madeAgain()...)
	slices.Sort(a.MadeAgain)
	a.MadeAgain = slices.Compact(a.MadeAgain)
	lost := map[TopicPartition]LostRange{}
	for _, l := range a.Losses {
		lost[l.TopicPartition] = l
	}
	scope := r.Scope()
	a.Beyond = r.beyond(scope, lost)
	for _, t := range r.Open {
		if t.Hanging {
			a.Hanging = append(a.Hanging, t)
		}
	}
	for _, tp := range scope {
		if u, ok := r.unclean(tp, lost); ok {
			a.Unclean = append(a.Unclean, u)
		}
	}
	return a
}

// Scope are the partitions that the report is about: those of the record that
// are still there, and without a record all of the broker.
func (r Restored) Scope() (all []TopicPartition) {
	if r.Before == nil || r.Before.ClusterID != r.Now.ClusterID {
		for t, p := range r.Now.EachReplicaOf(r.Broker) {
			all = append(all, TopicPartition{t.Name, p.Number})
		}
		return all
	}
	for _, t := range r.Before.Topics {
		if now := r.Now.Topic(t.Name); now == nil || !t.ID.Is(now.ID) {
			continue
		}
		for _, p := range t.Partitions {
			all = append(all, TopicPartition{t.Name, p.Number})
		}
	}
	return all
}

// Epochs are the recorded epochs of the leaders, to ask for [Cluster.EpochEnds].
func (r *Record) Epochs() map[TopicPartition]int32 {
	epochs := map[TopicPartition]int32{}
	if r == nil {
		return epochs
	}
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			epochs[TopicPartition{t.Name, p.Number}] = p.LeaderEpoch
		}
	}
	return epochs
}

// compare finds the lost ranges.
func (r Restored) compare(a *Aftermath) {
	if r.Before == nil {
		a.Partitions = len(r.Scope())
		return
	}
	a.Observed = r.Before.At
	if a.OtherCluster = r.Before.ClusterID != r.Now.ClusterID; a.OtherCluster {
		return
	}
	a.Omitted = r.Before.Omitted
	for _, t := range r.Before.Topics {
		now := r.Now.Topic(t.Name)
		switch {
		case now == nil:
			a.Gone = append(a.Gone, t.Name)
			continue
		case !t.ID.Is(now.ID):
			a.MadeAgain = append(a.MadeAgain, t.Name)
			continue
		}
		for _, p := range t.Partitions {
			if p.End < 0 {
				if now := now.partition(p.Number); now != nil && len(now.Replicas) == 1 { // nobody else has it
					a.Unknown = append(a.Unknown, TopicPartition{t.Name, p.Number})
				}
				continue // it had no leader that could be asked, or the broker was not in sync
			}
			l, known := r.loss(now, p)
			if !known {
				a.Unknown = append(a.Unknown, l.TopicPartition)
				continue
			}
			a.Partitions++
			if l.Offsets() > 0 {
				a.Losses = append(a.Losses, l)
			}
		}
	}
}

// loss returns the range that a partition has lost. What its log has beyond the
// recorded epoch was written later, under offsets that may have been lost ones'.
func (r Restored) loss(t *Topic, before RecordedPartition) (l LostRange, known bool) {
	tp := TopicPartition{t.Name, before.Number}
	l = LostRange{TopicPartition: tp, To: before.End, Exactness: r.exactness(t, tp)}
	now := t.partition(before.Number)
	if now == nil { // the controllers are from before the topic got this partition
		l.Exactness = AtMost // where it began is not recorded
		return l, true
	}
	end, ok := r.EpochEnds[tp]
	switch {
	case ok:
		l.From = end
	case now.LeaderEpoch < before.LeaderEpoch && now.End >= 0: // the controllers are from before that epoch
		l.From, l.Exactness = now.End, AtLeast
	default:
		return l, false
	}
	return l, true
}

// madeAgain returns the topics that were made again since the snapshot. The last
// record before the loss may be of the new ones already.
func (r Restored) madeAgain() []string {
	if r.Taken == nil || r.Taken.ClusterID != r.Now.ClusterID {
		return nil
	}
	return r.Now.MadeAgain(r.Taken)
}

func (r Restored) exactness(t *Topic, tp TopicPartition) Exactness {
	open := slices.ContainsFunc(r.Open, func(tx Transaction) bool { return tx.TopicPartition == tp })
	if open || t.Cleanup == "" || strings.Contains(t.Cleanup, "compact") {
		return AtMost
	}
	return Exactly
}

// beyond finds the groups that stand where the log is lost.
func (r Restored) beyond(scope []TopicPartition, lost map[TopicPartition]LostRange) (all []Beyond) {
	for _, group := range slices.Sorted(maps.Keys(r.Committed)) {
		for _, tp := range scope {
			committed, ok := r.Committed[group][tp]
			p, there := r.Now.Partition(tp)
			if !ok || !there || p.End < 0 {
				continue
			}
			b := Beyond{Group: group, TopicPartition: tp, Committed: committed, End: p.End, Back: NoOffset, Maybe: committed <= p.End}
			if l, ok := lost[tp]; ok {
				b.Back = l.From
			}
			if !b.Maybe || b.Back >= 0 && committed > b.Back {
				all = append(all, b)
			}
		}
	}
	return all
}

// unclean judges the leader of a partition. That one of several replicas has not
// all committed records is only possible if its leader was not in sync, or was
// the last in sync and then restored.
func (r Restored) unclean(tp TopicPartition, lost map[TopicPartition]LostRange) (u Unclean, ok bool) {
	p, there := r.Now.Partition(tp)
	if !there || p.Leader < 0 || len(p.Replicas) < 2 {
		return u, false
	}
	u = Unclean{TopicPartition: tp, Leader: p.Leader}
	_, u.Lost = lost[tp]
	for _, replica := range p.Replicas {
		if !r.Now.Registered(replica) {
			u.Down = append(u.Down, replica)
		}
	}
	notKnown := r.Before == nil && p.Leader == r.Broker && len(u.Down) > 0
	return u, u.Lost || notKnown
}

// Sum adds up the lost offsets of users' topics, and says how exact the sum is.
func (a Aftermath) Sum() (records int64, how Exactness) {
	for _, l := range a.Losses {
		if !l.Internal() {
			records, how = records+l.Offsets(), both(how, l.Exactness)
		}
	}
	return records, cmp.Or(how, Exactly)
}

// both is the exactness of a sum of two numbers.
func both(a, b Exactness) Exactness {
	switch {
	case a == "" || a == b || a == Exactly:
		return b
	case b == Exactly:
		return a
	}
	return About
}
