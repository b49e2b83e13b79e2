package kafka

import (
	"iter"
	"regexp"
	"slices"
	"strings"
)

// strimziDisk matches the claim of one of several disks of a Strimzi node.
var strimziDisk = regexp.MustCompile(`^data-([0-9]+)-`)

// DirsOf returns the paths of the broker's log dirs in a volume, which is known by
// its slot and by how many volumes the broker has. nil stands for all log dirs of
// the broker: it has only one volume, or it cannot be told which are in this one.
func (o *Observation) DirsOf(broker int32, slot string, volumes int) []string {
	if volumes <= 1 {
		return nil
	}
	var in func(path string) bool
	if _, mount, ok := strings.Cut(slot, ":/"); ok { // Koperator: "0:/kafka-logs"
		mount = strings.TrimSuffix("/"+mount, "/") + "/"
		in = func(path string) bool { return strings.HasPrefix(path+"/", mount) }
	} else if disk := strimziDisk.FindStringSubmatch(slot); disk != nil { // mounted at /var/lib/kafka/data-0
		in = func(path string) bool { return strings.Contains(path+"/", "/data-"+disk[1]+"/") }
	} else {
		return nil
	}
	var dirs []string
	for _, d := range o.LogDirs {
		if d.Broker == broker && in(d.Path) {
			dirs = append(dirs, d.Path)
		}
	}
	return dirs
}

// held returns the partitions that a broker has in these log dirs; without any, in
// all. A partition that is in none of its log dirs may be in a failed one, so that
// each has it. They come by topic and number.
func (o *Observation) held(broker int32, dirs []string) iter.Seq2[*Topic, *Partition] {
	known, there, other := false, map[TopicPartition]bool{}, map[TopicPartition]bool{}
	for i := range o.LogDirs {
		d := &o.LogDirs[i]
		if d.Broker != broker || d.Err != nil {
			continue
		}
		known = true
		in := there
		if len(dirs) > 0 && !slices.Contains(dirs, d.Path) {
			in = other
		}
		for _, r := range d.Replicas {
			if !r.Future { // it is complete in the log dir that it comes from
				in[r.TopicPartition] = true
			}
		}
	}
	if !known {
		return o.EachReplicaOf(broker)
	}
	return func(yield func(*Topic, *Partition) bool) {
		for t, p := range o.EachReplicaOf(broker) {
			at := TopicPartition{t.Name, p.Number}
			if (there[at] || !other[at]) && !yield(t, p) {
				return
			}
		}
	}
}
