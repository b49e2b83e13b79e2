package kafka

import (
	"cmp"
	"slices"
)

// Holding is a volume of a broker, and what its newest good snapshot has.
type Holding struct {
	Volume string // its slot
	Broker int32
	Dirs   []string // paths of its log dirs; none: all of the broker's

	Snapshot bool    // whether there is a good snapshot
	Record   *Record // what that one carries; nil: not known
}

// Loss is what would be lost, or is lost. Records are counted by offsets: with
// compaction, or transactions, there are fewer.
type Loss struct {
	Partitions int // those that lose records, or may do so
	Records    int64

	AtMost  bool // it may be less: it is not known what the snapshot has
	AtLeast bool // it may be more: the end of a partition is not known

	Worst []PartitionLoss // the first of them, the largest first
}

// PartitionLoss is the loss of one partition.
type PartitionLoss struct {
	TopicPartition
	Records int64
}

// maxWorst is how many partitions a loss names.
const maxWorst = 3

// VolumeRisk is what would be lost with one volume.
type VolumeRisk struct {
	Volume string
	Broker int32
	Loss
}

// Risk is what would be lost of a cluster if something broke now.
type Risk struct {
	Volumes   []VolumeRisk // each volume, in the order of the holdings
	IfAllLost Loss         // if all volumes were lost at once, and came back from their snapshots
}

// RiskOf returns what would be lost. With one volume these are the partitions that
// no other replica has in full, in sync or eligible to lead: their records since
// its newest good snapshot. With all volumes, each partition loses what the best of
// its replicas' snapshots lacks.
func RiskOf(o *Observation, all []Holding) Risk {
	risk := Risk{Volumes: make([]VolumeRisk, 0, len(all))}
	brokers, hidden := map[int32]map[TopicPartition]gap{}, map[TopicPartition]bool{}
	for _, h := range all {
		v := VolumeRisk{Volume: h.Volume, Broker: h.Broker}
		for t, p := range o.held(h.Broker, h.Dirs) {
			at := TopicPartition{t.Name, p.Number}
			g := h.gapOf(o, t, p)
			if known, ok := brokers[h.Broker][at]; !ok || known.less(g) { // which of its disks has it may be not known
				put(brokers, h.Broker, at, g)
			}
			switch {
			case !p.elsewhere(h.Broker):
				v.add(at, g)
			case !o.alive(p, h.Broker): // it may have just been lost
				g.atMost = true
				v.add(at, g)
			}
		}
		for _, at := range o.hidden(h.Broker, h.Dirs) {
			v.add(at, gap{atLeast: true})
			hidden[at] = true
		}
		risk.Volumes = append(risk.Volumes, v)
	}
	best := map[TopicPartition]gap{}
	for _, of := range brokers {
		for at, g := range of {
			if known, ok := best[at]; !ok || g.less(known) {
				best[at] = g
			}
		}
	}
	for at := range hidden {
		risk.IfAllLost.add(at, gap{atLeast: true})
	}
	for i := range o.Topics {
		t := &o.Topics[i]
		for n := range t.Partitions {
			at := TopicPartition{t.Name, t.Partitions[n].Number}
			g, ok := best[at]
			if !ok { // none of the volumes has it
				g = Holding{}.gapOf(o, t, &t.Partitions[n])
			}
			risk.IfAllLost.add(at, g)
		}
	}
	return risk
}

func put(brokers map[int32]map[TopicPartition]gap, broker int32, at TopicPartition, g gap) {
	if brokers[broker] == nil {
		brokers[broker] = map[TopicPartition]gap{}
	}
	brokers[broker][at] = g
}

// alive reports whether a broker other than this one has all records of the
// partition, and has answered or left the cluster in order. One that is in the ISR
// and says nothing may be dead, with its disk.
func (o *Observation) alive(p *Partition, than int32) bool {
	if len(o.Silent) == 0 {
		return true
	}
	return slices.ContainsFunc(slices.Concat(p.ISR, p.ELR), func(id int32) bool {
		return id != than && !slices.ContainsFunc(o.Silent, func(s Silence) bool { return s.Broker == id })
	})
}

// elsewhere reports whether a broker other than this one has all records of the
// partition.
func (p *Partition) elsewhere(than int32) bool {
	another := func(id int32) bool { return id != than }
	return slices.ContainsFunc(p.ISR, another) || slices.ContainsFunc(p.ELR, another)
}

// complete reports whether a broker has all records of the partition.
func (p *Partition) complete(broker int32) bool {
	return slices.Contains(p.ISR, broker) || slices.Contains(p.ELR, broker)
}

// gap is what a snapshot lacks of a partition.
type gap struct {
	records         int64
	atMost, atLeast bool
}

// less reports whether a gap is certainly no worse than another, or likely so.
func (g gap) less(other gap) bool {
	if g.atLeast != other.atLeast {
		return other.atLeast
	}
	return g.records < other.records || g.records == other.records && !g.atMost && other.atMost
}

// gapOf returns what the volume's snapshot lacks of a partition.
func (h Holding) gapOf(o *Observation, t *Topic, p *Partition) gap {
	from, atMost := max(p.Start, 0), false
	switch recorded, id, ok := h.find(t, p); {
	case !h.Snapshot:
	case h.Record == nil:
		atMost = true
	case h.Record.ClusterID != "" && h.Record.ClusterID != o.ClusterID: // of another Kafka: it has nothing of this one
	case !id.Is(t.ID): // deleted and made again since
	case !ok:
		atMost = h.Record.Omitted > 0
	case recorded.End == NoOffset:
		atMost = true
	case p.End != NoOffset && recorded.End > p.End: // it has other records under these offsets
		atMost = true
	default:
		from = max(from, recorded.End)
	}
	if p.End == NoOffset {
		return gap{atLeast: true}
	}
	return gap{records: max(p.End-from, 0), atMost: atMost && p.End > from}
}

func (h Holding) find(t *Topic, p *Partition) (RecordedPartition, TopicHash, bool) {
	if h.Record == nil {
		return RecordedPartition{}, 0, false
	}
	return h.Record.Find(TopicPartition{t.Name, p.Number})
}

// add adds the loss of a partition.
func (l *Loss) add(at TopicPartition, g gap) {
	if g.records == 0 && !g.atLeast {
		return
	}
	l.Partitions++
	l.Records += g.records
	l.AtMost, l.AtLeast = l.AtMost || g.atMost, l.AtLeast || g.atLeast
	l.Worst = append(l.Worst, PartitionLoss{at, g.records})
	slices.SortStableFunc(l.Worst, func(a, b PartitionLoss) int {
		return cmp.Or(cmp.Compare(b.Records, a.Records), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	l.Worst = l.Worst[:min(len(l.Worst), maxWorst)]
}

// Nothing reports whether nothing is lost.
func (l Loss) Nothing() bool { return l.Partitions == 0 }
