package kafka

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Names of the clusters in MirrorMaker 2's configuration, and of the topic in the
// restored one where it keeps how far it is.
const (
	mirrorFrom    = "tail"
	mirrorTo      = "restored"
	MirrorOffsets = "mm2-offsets." + mirrorFrom + ".internal"
)

// MirrorConfig is the configuration of MirrorMaker 2 for fetching tails from another
// cluster, which is reached with these settings of Kafka's clients. It would copy
// whole topics; [MirrorStart] says where it begins.
func MirrorConfig(from, to string, settings map[string]string, tails []Tail) string {
	topics := map[string]bool{}
	for _, t := range tails {
		if t.Why == "" {
			topics[strings.ReplaceAll(t.Topic, ".", "[.]")] = true // they are patterns
		}
	}
	arrow := mirrorFrom + "->" + mirrorTo
	lines := []string{
		"clusters = " + mirrorFrom + ", " + mirrorTo,
		mirrorFrom + ".bootstrap.servers = " + from,
		mirrorTo + ".bootstrap.servers = " + to,
		arrow + ".enabled = true",
		arrow + ".topics = " + strings.Join(slices.Sorted(maps.Keys(topics)), ", "),
		mirrorFrom + ".consumer.auto.offset.reset = earliest",
		"replication.policy.class = org.apache.kafka.connect.mirror.IdentityReplicationPolicy",
		"emit.heartbeats.enabled = false",
		"emit.checkpoints.enabled = false",
		"emit.offset-syncs.enabled = false",
		"sync.topic.configs.enabled = false",
		"sync.topic.acls.enabled = false",
		"sync.group.offsets.enabled = false",
		"refresh.topics.enabled = false",
		"refresh.groups.enabled = false",
	}
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		lines = append(lines, mirrorFrom+"."+key+" = "+escaped.Replace(settings[key]))
	}
	return strings.Join(lines, "\n") + "\n"
}

// escaped writes a value so that Java's properties read it as it is.
var escaped = strings.NewReplacer("\\", "\\\\", "\n", "\\n", "\r", "\\r", "\t", "\\t")

// MirrorStart is what MirrorMaker 2 has to find in its topic of offsets, as lines of
// key and value with a tab between: the last record that it has copied of each
// partition. So it begins with the tails, and copies nothing of the other
// partitions of their topics.
func MirrorStart(tails []Tail, starts, ends map[TopicPartition]int64) string {
	begin := map[TopicPartition]int64{}
	topics := map[string]bool{}
	for _, t := range tails {
		if t.Why == "" {
			begin[t.TopicPartition], topics[t.Topic] = t.CopyFrom, true
		}
	}
	var lines []string
	for tp, end := range ends {
		from, tail := begin[tp]
		if !tail {
			from = end
		}
		if topics[tp.Topic] && from > starts[tp] {
			lines = append(lines, fmt.Sprintf(`["MirrorSourceConnector",{"cluster":%q,"partition":%d,"topic":%q}]`+"\t"+`{"offset":%d}`+"\n", mirrorFrom, tp.Partition, tp.Topic, from-1))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}
