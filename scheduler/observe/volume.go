package observe

import (
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/snapshots"
)

// Volume is a broker volume, and its newest good snapshot.
type Volume struct {
	snapshots.Volume
	Snapshot bool          // whether there is a good snapshot
	Record   *kafka.Record // what that one carries; nil: not known
}

// Place is where a volume is in Kafka.
type Place struct {
	Broker int32
	Dirs   []string // paths of its log dirs; none: all of the broker's
}

// Record returns what the volume had at the time of the observation.
func (p Place) Record(o *kafka.Observation) kafka.Record {
	return kafka.RecordOf(o, p.Broker, p.Dirs...)
}

// Places returns where the volumes are, by their hash. Volumes that are of no known
// broker, or hold no topics, are left out.
func Places(o *kafka.Observation, all []snapshots.Volume) map[string]Place {
	disks := map[string]int{} // of each node
	holding := map[string]snapshots.Volume{}
	for _, v := range all {
		if _, twice := holding[v.Hash()]; !twice && v.Role.HoldsTopics() {
			holding[v.Hash()] = v
			disks[v.Node]++
		}
	}
	places := map[string]Place{}
	for hash, v := range holding {
		if id, ok := o.BrokerOf(v.Node); ok {
			places[hash] = Place{id, o.DirsOf(id, v.Slot, disks[v.Node])}
		}
	}
	return places
}
