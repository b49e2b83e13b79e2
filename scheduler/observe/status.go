package observe

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/scheduler/texts"
	"github.com/snapback-dev/snapback/snapshots"
)

// maxClusterID is the length of Kafka's cluster.id, or a little more.
const maxClusterID = 64

// StatusOf returns the status of a Kafka cluster, and what would be lost of it.
func StatusOf(o *kafka.Observation, all []Volume) *v1alpha1.KafkaStatus {
	s := &v1alpha1.KafkaStatus{
		ObservedTime: metav1.Time{Time: o.At.Truncate(time.Second)}, ClusterID: texts.FirstBytes(o.ClusterID, maxClusterID), Brokers: int32(len(o.Brokers)),
	}
	for i := range o.Topics {
		for _, p := range o.Topics[i].Partitions {
			s.Partitions++
			if p.Leader < 0 {
				s.OfflinePartitions++
			}
			if len(p.ISR) < len(p.Replicas) {
				s.UnderReplicatedPartitions++
			}
		}
	}
	holdings, nodes := holdings(o, all)
	risk := kafka.RiskOf(o, holdings)
	s.IfAllLost = lossOf(risk.IfAllLost)
	for i, v := range risk.Volumes {
		if !v.Nothing() {
			s.AtRisk = append(s.AtRisk, v1alpha1.VolumeAtRisk{Volume: v.Volume, Broker: nodes[i], KafkaLoss: lossOf(v.Loss)})
		}
	}
	slices.SortFunc(s.AtRisk, func(a, b v1alpha1.VolumeAtRisk) int {
		return cmp.Or(cmp.Compare(b.Records, a.Records), cmp.Compare(b.Partitions, a.Partitions), cmp.Compare(a.Volume, b.Volume))
	})
	s.VolumesAtRisk = int32(len(s.AtRisk))
	s.AtRisk = s.AtRisk[:min(len(s.AtRisk), v1alpha1.MaxAtRisk)]
	return s
}

// holdings returns what the volumes hold, and their nodes in the same order.
func holdings(o *kafka.Observation, all []Volume) (held []kafka.Holding, nodes []string) {
	volumes := make([]snapshots.Volume, len(all))
	for i, v := range all {
		volumes[i] = v.Volume
	}
	places := Places(o, volumes)
	for _, v := range all {
		if at, ok := places[v.Hash()]; ok {
			delete(places, v.Hash()) // a second claim of the volume adds nothing
			held = append(held, kafka.Holding{Volume: v.Slot, Broker: at.Broker, Dirs: at.Dirs, Snapshot: v.Snapshot, Record: v.Record})
			nodes = append(nodes, v.Node)
		}
	}
	return held, nodes
}

// lossOf returns a loss with its words, which name the partitions that lose the
// most.
func lossOf(l kafka.Loss) v1alpha1.KafkaLoss {
	loss := v1alpha1.KafkaLoss{Partitions: int32(l.Partitions), Records: l.Records, Message: l.Words()}
	if l.Nothing() {
		return loss
	}
	var names []string
	for _, p := range l.Worst {
		names = append(names, p.String())
	}
	if more := l.Partitions - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	loss.Message += " (" + strings.Join(names, ", ") + ")"
	return loss
}

const (
	// writtenEvery is the shortest time between two changes of the status.
	writtenEvery = every

	// unchangedFor is how old the status may become while only its time changes.
	// Each write costs the apiserver something.
	unchangedFor = 5 * time.Minute
)

// Newer returns the status to write: the new one, or the old one as long as that is
// recent enough.
func Newer(old, fresh *v1alpha1.KafkaStatus) *v1alpha1.KafkaStatus {
	if old == nil {
		return fresh
	}
	age := fresh.ObservedTime.Sub(old.ObservedTime.Time)
	if age < 0 { // the clock went back
		return fresh
	}
	same := *fresh
	same.ObservedTime = old.ObservedTime
	if age < writtenEvery || age < unchangedFor && equality.Semantic.DeepEqual(*old, same) {
		return old
	}
	return fresh
}

// MaxAtRisk is the largest number of records that one broker would lose: the
// disks of one broker count together.
func MaxAtRisk(s *v1alpha1.KafkaStatus) int64 {
	of, most := map[string]int64{}, int64(0)
	for _, v := range s.AtRisk {
		of[v.Broker] += v.Records
		most = max(most, of[v.Broker])
	}
	return most
}
