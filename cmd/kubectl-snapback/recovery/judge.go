package recovery

import (
	"fmt"
	"slices"
	"strings"

	"github.com/snapback-dev/snapback/kafka"
)

// someBroker stands for the address of a broker in commands.
const someBroker = "BROKER:9092"

// target is a broker whose disks are to be replaced.
type target struct {
	node    string
	id      int32
	holds   bool             // it has a disk that would be replaced
	lost    []int32          // brokers that have no disk any more
	names   map[int32]string // of brokers
	records []kafka.Record   // what the snapshots have, as far as they say it
	last    []kafka.Record   // what the volumes had when they were last seen, if they are lost
}

// verdict is what Kafka says of the replacement of a broker's disks.
type verdict struct {
	says   []string
	losses []string               // what is lost, for which a person is asked
	loses  []kafka.TopicPartition // partition -1: all of the topic
	back   []kafka.TopicPartition // those that are lost already, and go back to the snapshot
}

// judge returns what is lost when the broker's disks are replaced, if the others
// that are given have caught up by then.
func (t target) judge(o *kafka.Observation, caughtUp []int32) verdict {
	v := t.seen(o, caughtUp)
	v.add(t.unseen(o))
	return v
}

// seen judges the topics that the user may describe. A broker that has lost its disks and does
// not run has nothing to lose: then it looks for peers that hold more than the
// snapshot, and would be cut to it.
func (t target) seen(o *kafka.Observation, caughtUp []int32) (v verdict) {
	all := o.Sync(t.id).Replicas
	if t.holds || o.Registered(t.id) {
		lost := o.LossIfReplaced(t.id, caughtUp...)
		if len(lost) == 0 && len(o.HiddenOn(t.id)) == 0 {
			v.says = append(v.says, fmt.Sprintf("broker %s loses nothing: each of its partitions (%d) has another replica in sync%s", t.node, all, t.after(caughtUp)))
		}
		if len(lost) == 0 {
			return v
		}
		v.losses = append(v.losses, fmt.Sprintf("no other broker has in sync what broker %s has of %s, and what was written to them since the snapshot would be lost: %s; %s",
			t.node, ofAll(len(lost), all), t.list(lost), t.instead(lost, o.Silent)))
		v.loses = names(lost)
		return v
	}
	elect, back := o.ElectFirst(t.id, t.lost...)
	if len(elect)+len(back)+len(o.HiddenOn(t.id)) == 0 {
		v.says = append(v.says, fmt.Sprintf("broker %s does not run and has lost its disk: each of its partitions (%d) has another replica, which was in sync last", t.node, all))
	}
	if len(back) > 0 {
		v.says = append(v.says, fmt.Sprintf("broker %s was the only one to have %s, which go back to its snapshot: %s", t.node, ofAll(len(back), all), t.list(back)))
		v.back = names(back)
	}
	if len(elect) > 0 {
		v.losses = append(v.losses, fmt.Sprintf("broker %s was the last one in sync of %s, and a peer may hold more than its snapshot, to which that peer would be cut: %s; elect it first: %s",
			t.node, ofAll(len(elect), all), t.list(elect), t.electing(elect)))
		v.loses = names(elect)
	}
	return v
}

// unseen returns what the broker may lose of topics that the user may not describe:
// nobody knows.
func (t target) unseen(o *kafka.Observation) (v verdict) {
	hidden := o.HiddenOn(t.id)
	if len(hidden) == 0 {
		return v
	}
	v.losses = []string{fmt.Sprintf("whether other brokers have in sync what broker %s has of these topics is not known, since the user by which Kafka is asked may not describe them: %s; grant it Describe on them (docs/kafka.md)", t.node, some(hidden))}
	for _, name := range hidden {
		v.loses = append(v.loses, kafka.TopicPartition{Topic: name, Partition: -1})
	}
	return v
}

// add adds another verdict.
func (v *verdict) add(other verdict) {
	v.says = append(v.says, other.says...)
	v.losses = append(v.losses, other.losses...)
	v.loses = append(v.loses, other.loses...)
	v.back = append(v.back, other.back...)
}

func names(of []kafka.OnlyCopy) (all []kafka.TopicPartition) {
	for _, c := range of {
		all = append(all, c.TopicPartition)
	}
	return all
}

func ofAll(n, all int) string { return fmt.Sprintf("%d of its %d partitions", n, all) }

func (t target) after(caughtUp []int32) string {
	if len(caughtUp) == 0 {
		return ""
	}
	return ", once " + t.brokers(caughtUp) + " has caught up"
}

// list names partitions, with how many records they have had since the snapshot, or
// at most.
func (t target) list(of []kafka.OnlyCopy) string {
	texts := make([]string, len(of))
	for n, c := range of {
		texts[n] = c.TopicPartition.String()
		end := c.End
		if end < 0 { // nobody leads it
			end, _ = endIn(t.last, c)
		}
		if from, known := endIn(t.records, c); known && end >= 0 {
			texts[n] += fmt.Sprintf(" (%s)", kafka.Count(max(0, end-max(from, c.Start)), "record"))
		} else if end >= 0 {
			texts[n] += fmt.Sprintf(" (at most %s)", kafka.Count(end-max(c.Start, 0), "record"))
		}
	}
	return some(texts)
}

// endIn returns the end that records have of a partition; [kafka.NoOffset] and false:
// none. A topic that was made again since is not the one that they have.
func endIn(records []kafka.Record, c kafka.OnlyCopy) (int64, bool) {
	for _, r := range records {
		p, id, ok := r.Find(c.TopicPartition)
		if ok && p.End >= 0 && id.Is(c.ID) {
			return p.End, true
		}
	}
	return kafka.NoOffset, false
}

// instead returns what to do so that nothing is lost.
func (t target) instead(lost []kafka.OnlyCopy, silences []kafka.Silence) string {
	var down, behind, silent []int32
	alone := false
	for _, c := range lost {
		alone = alone || len(c.Peers) == 0
		for _, p := range c.Peers {
			switch {
			case p.Down:
				down = append(down, p.Broker)
			case p.Eligible:
				silent = append(silent, p.Broker)
			default:
				behind = append(behind, p.Broker)
			}
		}
	}
	var do []string
	for _, s := range silences {
		if slices.Contains(silent, s.Broker) {
			do = append(do, fmt.Sprintf("see why %s, which is in sync, does not answer (%v)", t.brokers([]int32{s.Broker}), s.Why))
		}
	}
	if len(down) > 0 {
		do = append(do, fmt.Sprintf("have %s run again and catch up first, if it can", t.brokers(down)))
	}
	if len(behind) > 0 {
		do = append(do, fmt.Sprintf("wait until %s is in sync (%s)", t.brokers(behind), underReplicated))
	}
	if alone {
		do = append(do, "those with one replica can be moved to another broker first (kafka-reassign-partitions.sh)")
	}
	return strings.Join(do, ", and ")
}

// electing returns how to have peers lead before the restored broker joins. One that
// was in sync, too, is elected by Kafka once it runs.
func (t target) electing(elect []kafka.OnlyCopy) string {
	var down, behind []int32
	var commands []string
	for _, c := range elect {
		kafkas := false
		for _, p := range c.Peers {
			kafkas = kafkas || p.Eligible
			if p.Down {
				down = append(down, p.Broker)
			} else {
				behind = append(behind, p.Broker)
			}
		}
		if !kafkas {
			commands = append(commands, kafka.ElectUnclean(someBroker, c.TopicPartition))
		}
	}
	var do []string
	if len(down) > 0 {
		do = append(do, "start "+t.brokers(down))
	}
	if len(behind) > 0 {
		do = append(do, t.brokers(behind)+" runs")
	}
	text := strings.Join(do, ", ")
	if len(commands) > 0 {
		text += ", and once such a partition has Leader: none run " + some(commands)
	}
	return text + ", then restore this one"
}

// brokers names brokers by their nodes.
func (t target) brokers(ids []int32) string {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	texts := make([]string, len(ids))
	for n, id := range ids {
		if texts[n] = t.names[id]; texts[n] == "" {
			texts[n] = fmt.Sprint(id)
		}
	}
	if len(texts) == 1 {
		return "broker " + texts[0]
	}
	return "brokers " + some(texts)
}
