package kafka

import "slices"

// Sync is how far a broker has caught up with its peers.
type Sync struct {
	Broker     int32
	Joined     bool             // it is registered, and has answered itself
	Replicas   int              // partitions that it is a replica of
	Behind     []TopicPartition // those that do not have it in the ISR
	Leaderless []TopicPartition // those that it could lead, but nobody leads
	Stuck      []TopicPartition // those that wait for another broker, which is down, to lead them
	For        []int32          // the brokers that they wait for
	Missing    int64            // bytes that it has yet to fetch, about, as far as log dirs are known
}

// Done reports whether there is nothing left to wait for. A broker that is gone can
// still be in the ISR until its session is over, so its own answer is needed, too: a
// new process joins only after the old one has left the ISR.
func (s Sync) Done() bool { return s.Joined && len(s.Behind) == 0 && len(s.Leaderless) == 0 }

// Ahead reports whether the broker has come further since it was seen as before.
func (s Sync) Ahead(before Sync) bool {
	return s.Joined && !before.Joined || len(s.Behind) < len(before.Behind) || len(s.Leaderless) < len(before.Leaderless) || s.Missing < before.Missing
}

// Sync returns how far a broker has caught up.
func (o *Observation) Sync(broker int32) Sync {
	s := Sync{Broker: broker, Joined: o.answers(broker)}
	leaders := map[TopicPartition]int32{} // of what the broker lacks
	for t, p := range o.EachReplicaOf(broker) {
		tp := TopicPartition{t.Name, p.Number}
		s.Replicas++
		switch waits := o.waitsFor(p); {
		case p.Leader < 0 && len(waits) > 0 && !slices.Contains(waits, broker):
			s.Stuck = append(s.Stuck, tp)
			s.For = append(s.For, waits...)
		case p.Leader < 0:
			s.Leaderless = append(s.Leaderless, tp)
		case !slices.Contains(p.ISR, broker):
			s.Behind = append(s.Behind, tp)
			leaders[tp] = p.Leader
		}
	}
	slices.Sort(s.For)
	s.For = slices.Compact(s.For)
	s.Missing = o.missing(broker, leaders)
	return s
}

// waitsFor returns the brokers that can lead the partition, if none of them is
// registered.
func (o *Observation) waitsFor(p *Partition) []int32 {
	able := slices.Concat(p.ISR, p.ELR)
	if slices.ContainsFunc(able, o.Registered) {
		return nil
	}
	return able
}

// missing returns how many bytes more the leaders have of the partitions than the
// broker.
func (o *Observation) missing(broker int32, leaders map[TopicPartition]int32) (sum int64) {
	own, theirs := map[TopicPartition]int64{}, map[TopicPartition]int64{}
	for _, dir := range o.LogDirs {
		for _, r := range dir.Replicas {
			leader, wanted := leaders[r.TopicPartition]
			switch {
			case !wanted || r.Future:
			case dir.Broker == broker:
				own[r.TopicPartition] = r.Size
			case dir.Broker == leader:
				theirs[r.TopicPartition] = r.Size
			}
		}
	}
	for tp, size := range theirs {
		sum += max(0, size-own[tp])
	}
	return sum
}

// answers reports whether the broker is registered, and has answered itself.
func (o *Observation) answers(broker int32) bool {
	return o.Registered(broker) && !slices.ContainsFunc(o.Silent, func(s Silence) bool { return s.Broker == broker })
}

// OnlyCopy is a partition of which no broker but one has a replica that is in sync.
type OnlyCopy struct {
	TopicPartition
	ID         TopicID
	Start, End int64  // as in [Partition]
	InSync     bool   // the one that has it is in sync itself, or was the last one that was
	Peers      []Peer // the other replicas
}

// Peer is another replica of a partition, which is out of sync or does not answer.
type Peer struct {
	Broker   int32
	Down     bool // it is not registered
	Eligible bool // it is in the ISR or the ELR: it is complete, and Kafka elects it when it is back
}

// LossIfReplaced returns the partitions that lose what they have got since the
// snapshot if the broker's disk is replaced: no other broker has them in sync. It
// counts only brokers that have answered, and those that are said to have caught
// up by then.
func (o *Observation) LossIfReplaced(broker int32, caughtUp ...int32) (lost []OnlyCopy) {
	for t, p := range o.EachReplicaOf(broker) {
		other := func(id int32) bool {
			return id != broker && (slices.Contains(caughtUp, id) || slices.Contains(p.ISR, id) && o.answers(id))
		}
		if slices.ContainsFunc(p.Replicas, other) {
			continue
		}
		c := OnlyCopy{TopicPartition: TopicPartition{t.Name, p.Number}, ID: t.ID, Start: p.Start, End: p.End, InSync: p.wasLast(broker)}
		for _, id := range p.Replicas {
			if id != broker {
				c.Peers = append(c.Peers, Peer{Broker: id, Down: !o.Registered(id), Eligible: slices.Contains(p.ISR, id) || slices.Contains(p.ELR, id)})
			}
		}
		lost = append(lost, c)
	}
	return lost
}

// wasLast reports whether the partition can still be led by the broker: it is in
// the ISR or in the ELR, or both are empty, and the last leader may have been it.
func (p *Partition) wasLast(broker int32) bool {
	return p.Leader == broker || slices.Contains(p.ISR, broker) || slices.Contains(p.ELR, broker) || len(p.ISR)+len(p.ELR) == 0
}

// ElectFirst sorts the partitions that a lost broker was the last one to have in
// sync. Those in elect have a peer that may hold more than the broker's snapshot,
// and would be cut to it: that peer has to be elected before the restored broker
// joins. Those in back have none, and go back to the snapshot. Peers whose disks
// are lost, too, have nothing, unless they are back.
func (o *Observation) ElectFirst(broker int32, lost ...int32) (elect, back []OnlyCopy) {
	for _, c := range o.LossIfReplaced(broker) {
		c.Peers = slices.DeleteFunc(c.Peers, func(p Peer) bool { return p.Down && slices.Contains(lost, p.Broker) })
		switch {
		case !c.InSync: // another one was: Kafka waits for that one
		case len(c.Peers) > 0:
			elect = append(elect, c)
		default:
			back = append(back, c)
		}
	}
	return elect, back
}

// MadeAgain returns the names of topics that have another id now than in the
// record: they were deleted, and made again.
func (o *Observation) MadeAgain(r *Record) (names []string) {
	for _, was := range r.Topics {
		if t := o.Topic(was.Name); t != nil && !was.ID.Is(t.ID) {
			names = append(names, was.Name)
		}
	}
	return names
}
