package kafka

import (
	"fmt"
	"reflect"
	"testing"
	"time"
)

// partition returns a partition with two replicas, led by the first of its ISR.
func partition(number int32, start, end int64, isr ...int32) Partition {
	p := Partition{Number: number, Leader: -1, LeaderEpoch: 4, Replicas: []int32{1, 2}, ISR: isr, Start: start, End: end}
	if len(isr) > 0 {
		p.Leader = isr[0]
	}
	return p
}

func observation(topics ...Topic) *Observation {
	return &Observation{At: time.Unix(1_800_000_000, 5), ClusterID: "abc", Brokers: []Broker{{ID: 1}, {ID: 2}}, Topics: topics}
}

func record(topics ...RecordedTopic) *Record { return &Record{Topics: topics} }

func TestRiskOfAVolume(t *testing.T) {
	id, another := TopicID{1}, TopicID{2}
	topic := func(p ...Partition) Topic { return Topic{Name: "t", ID: id, Partitions: p} }
	had := func(end int64) *Record {
		return record(RecordedTopic{"t", id.Hash(), []RecordedPartition{{0, 4, end}}})
	}
	eligible := partition(0, 0, 100, 1)
	eligible.ELR = []int32{2}
	offline := partition(0, 0, NoOffset, 1)
	offline.Leader = -1
	for name, c := range map[string]struct {
		topic    Topic
		snapshot bool
		record   *Record
		want     string
	}{
		"another is in sync":           {topic(partition(0, 0, 100, 1, 2)), true, had(40), "nothing"},
		"another leads, this one lags": {topic(partition(0, 0, 100, 2)), true, had(40), "nothing"},
		"another may lead":             {topic(eligible), true, had(40), "nothing"},
		"nobody else":                  {topic(partition(0, 0, 100, 1)), true, had(40), "60 records of 1 partition"},
		"none since the snapshot":      {topic(partition(0, 0, 100, 1)), true, had(100), "nothing"},
		"less than the snapshot has":   {topic(partition(0, 0, 100, 1)), true, had(140), "at most 100 records of 1 partition"},
		"some were deleted since":      {topic(partition(0, 90, 100, 1)), true, had(40), "10 records of 1 partition"},
		"no snapshot":                  {topic(partition(0, 20, 100, 1)), false, nil, "80 records of 1 partition"},
		"a snapshot without a record":  {topic(partition(0, 20, 100, 1)), true, nil, "at most 80 records of 1 partition"},
		"the end was not known":        {topic(partition(0, 20, 100, 1)), true, had(NoOffset), "at most 80 records of 1 partition"},
		"a new partition":              {topic(partition(1, 0, 100, 1)), true, had(40), "100 records of 1 partition"},
		"a new topic":                  {Topic{Name: "new", Partitions: []Partition{partition(0, 0, 7, 1)}}, true, had(40), "7 records of 1 partition"},
		"left out of the record":       {topic(partition(1, 0, 100, 1)), true, &Record{Omitted: 3}, "at most 100 records of 1 partition"},
		"made again since":             {Topic{Name: "t", ID: another, Partitions: []Partition{partition(0, 0, 100, 1)}}, true, had(40), "100 records of 1 partition"},
		"of another cluster":           {Topic{Name: "t", Partitions: []Partition{partition(0, 0, 100, 1)}}, true, &Record{ClusterID: "other", Topics: had(40).Topics}, "100 records of 1 partition"},
		"no ids":                       {Topic{Name: "t", Partitions: []Partition{partition(0, 0, 100, 1)}}, true, had(40), "60 records of 1 partition"},
		"offline, the last in sync":    {topic(offline), true, had(40), "an unknown number of records of 1 partition"},
		"offline, nobody in sync":      {topic(partition(0, 0, NoOffset)), true, had(40), "an unknown number of records of 1 partition"},
		"offline, another was in sync": {topic(partition(0, 0, NoOffset, 2)), true, had(40), "nothing"},
		"two":                          {topic(partition(0, 0, 48_000, 1), partition(1, 0, 211, 1)), true, had(0), "48,211 records of 2 partitions"},
		"one of two is offline":        {topic(offline, partition(1, 0, 211, 1)), true, had(0), "at least 211 records of 2 partitions"},
		"neither more nor less":        {topic(offline, partition(1, 0, 211, 1)), true, &Record{Omitted: 1}, "about 211 records of 2 partitions"},
	} {
		risk := RiskOf(observation(c.topic), []Holding{{Volume: "v", Broker: 1, Snapshot: c.snapshot, Record: c.record}})
		if got := risk.Volumes[0].Words(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestRiskOfAll(t *testing.T) {
	o := observation(
		Topic{Name: "a", Partitions: []Partition{partition(0, 0, 100, 1, 2), partition(1, 0, 100, 1, 2)}},
		Topic{Name: "b", Partitions: []Partition{partition(0, 0, 100, 2), partition(1, 0, NoOffset)}},
		Topic{Name: "c", Partitions: []Partition{{Replicas: []int32{7}, ISR: []int32{7}, Leader: 7, End: 9}}},
	)
	risk := RiskOf(o, []Holding{
		{Volume: "1", Broker: 1, Snapshot: true, Record: record(RecordedTopic{"a", 0, []RecordedPartition{{0, 4, 70}, {1, 4, 100}}})},
		{Volume: "2", Broker: 2, Snapshot: true, Record: record(
			RecordedTopic{"a", 0, []RecordedPartition{{0, 4, 95}, {1, 4, 20}}}, RecordedTopic{"b", 0, []RecordedPartition{{0, 4, 1}}})},
	})
	if got, want := risk.IfAllLost.Words(), "at least 113 records of 4 partitions"; got != want {
		t.Errorf("all lost: %s, want %s", got, want)
	}
	if want := []PartitionLoss{{TopicPartition{"b", 0}, 99}, {TopicPartition{"c", 0}, 9}, {TopicPartition{"a", 0}, 5}}; !reflect.DeepEqual(risk.IfAllLost.Worst, want) {
		t.Errorf("the worst are %v, want %v", risk.IfAllLost.Worst, want)
	}
	for i, want := range []string{"an unknown number of records of 1 partition", "at least 99 records of 2 partitions"} {
		if got := risk.Volumes[i].Words(); got != want {
			t.Errorf("volume %d: %s, want %s", i+1, got, want)
		}
	}
}

// TestRiskIsNotHidden has brokers that say little: what may be lost is not said to
// be safe.
func TestRiskIsNotHidden(t *testing.T) {
	replica := func(n int32) Replica { return Replica{TopicPartition: TopicPartition{"t", n}} }
	topic := Topic{Name: "t", Partitions: []Partition{partition(0, 0, 100, 1), partition(1, 0, 100, 1)}}
	both := Topic{Name: "t", Partitions: []Partition{partition(0, 0, 100, 1, 2)}}
	had := func(end int64) *Record {
		return record(RecordedTopic{"t", 0, []RecordedPartition{{0, 4, end}, {1, 4, end}}})
	}
	for name, c := range map[string]struct {
		change  func(*Observation)
		topic   Topic
		held    []Holding
		volumes []string
		all     string
	}{
		"topics that may not be described": {func(o *Observation) {
			o.Hidden = []string{"secret"}
			o.LogDirs = []LogDir{{Broker: 1, Path: "/a", Replicas: []Replica{replica(0), replica(1), {TopicPartition: TopicPartition{"secret", 0}}}}, {Broker: 2, Path: "/a"}}
		}, topic, []Holding{{Broker: 1, Snapshot: true, Record: had(100)}, {Broker: 2, Snapshot: true, Record: had(100)}},
			[]string{"an unknown number of records of 1 partition", "nothing"}, "an unknown number of records of 1 partition"},
		"a failed log dir": {func(o *Observation) {
			o.LogDirs = []LogDir{{Broker: 1, Path: "/a", Err: errRecord}, {Broker: 1, Path: "/b", Replicas: []Replica{replica(1)}}}
		}, topic, []Holding{{Broker: 1, Dirs: []string{"/a"}, Snapshot: true, Record: had(40)}}, []string{"60 records of 1 partition"}, "120 records of 2 partitions"},
		"disks that cannot be told apart": {func(o *Observation) {
			o.LogDirs = []LogDir{{Broker: 1, Path: "/a", Replicas: []Replica{replica(0)}}, {Broker: 1, Path: "/b", Replicas: []Replica{replica(1)}}}
		}, topic, []Holding{{Broker: 1, Snapshot: true, Record: had(100)}, {Broker: 1}},
			[]string{"nothing", "200 records of 2 partitions"}, "200 records of 2 partitions"},
		"the other one says nothing": {func(o *Observation) { o.Silent = []Silence{{Broker: 2}} }, both,
			[]Holding{{Broker: 1, Snapshot: true, Record: had(40)}}, []string{"at most 60 records of 1 partition"}, "60 records of 1 partition"},
	} {
		o := observation(c.topic)
		c.change(o)
		risk := RiskOf(o, c.held)
		for i, want := range c.volumes {
			if got := risk.Volumes[i].Words(); got != want {
				t.Errorf("%s: volume %d: %s, want %s", name, i, got, want)
			}
		}
		if got := risk.IfAllLost.Words(); got != c.all && name != "a failed log dir" {
			t.Errorf("%s: all: %s, want %s", name, got, c.all)
		}
	}
}

func TestRecordOf(t *testing.T) {
	o := observation(
		Topic{Name: "a", ID: TopicID{9}, Partitions: []Partition{partition(0, 0, 10, 1, 2), partition(1, 0, 11, 1, 2)}},
		Topic{Name: "b", Partitions: []Partition{partition(0, 0, 12, 1, 2), {Number: 1, Replicas: []int32{2}}}},
	)
	replica := func(topic string, number int32, future bool) Replica {
		return Replica{TopicPartition: TopicPartition{topic, number}, Future: future}
	}
	o.LogDirs = []LogDir{
		{Broker: 1, Path: "/var/lib/kafka/data-0/kafka-log1", Replicas: []Replica{replica("a", 0, false), replica("b", 0, true)}},
		{Broker: 1, Path: "/var/lib/kafka/data-1/kafka-log1", Replicas: []Replica{replica("a", 1, false), replica("b", 0, false)}},
	}
	names := func(r Record) (all []string) {
		for _, topic := range r.Topics {
			for _, p := range topic.Partitions {
				all = append(all, TopicPartition{topic.Name, p.Number}.String())
			}
		}
		return all
	}
	for name, c := range map[string]struct {
		broker  int32
		slot    string
		volumes int
		want    []string
	}{
		"one of Strimzi's disks":        {1, "data-0-my-cluster-kafka-1", 2, []string{"a-0"}},
		"another":                       {1, "data-1-my-cluster-kafka-1", 2, []string{"a-1", "b-0"}},
		"one of Koperator's":            {1, "1:/var/lib/kafka/data-0", 2, []string{"a-0"}},
		"no other path that begins so":  {1, "1:/var/lib/kafka/data", 2, []string{"a-0", "a-1", "b-0"}},
		"the only disk":                 {1, "data-0-my-cluster-kafka-1", 1, []string{"a-0", "a-1", "b-0"}},
		"not decidable":                 {1, "disk-a-kafka-1", 2, []string{"a-0", "a-1", "b-0"}},
		"it has not told its log dirs":  {2, "data-0-my-cluster-kafka-2", 1, []string{"a-0", "a-1", "b-0", "b-1"}},
		"a broker that is not there":    {3, "data-0-my-cluster-kafka-3", 1, nil},
		"unknown dirs of several disks": {2, "data-0-my-cluster-kafka-2", 2, []string{"a-0", "a-1", "b-0", "b-1"}},
	} {
		r := RecordOf(o, c.broker, o.DirsOf(c.broker, c.slot, c.volumes)...)
		if got := names(r); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	r := RecordOf(o, 1)
	if r.ClusterID != "abc" || !r.At.Equal(time.Unix(1_800_000_000, 0)) || r.Topics[0].ID != (TopicID{9}).Hash() || r.Topics[1].ID != 0 {
		t.Errorf("record %+v", r)
	}
	o.Topics[0].Partitions[0].ISR, o.Topics[0].Partitions[1].ISR, o.Topics[0].Partitions[1].ELR = []int32{2}, []int32{2}, []int32{1}
	r = RecordOf(o, 1)
	if p, _, ok := r.Find(TopicPartition{"a", 0}); !ok || p.End != NoOffset {
		t.Errorf("a replica that is not in sync: %+v, %t", p, ok)
	}
	if p, _, ok := r.Find(TopicPartition{"a", 1}); !ok || p != (RecordedPartition{1, 4, 11}) {
		t.Errorf("a-1: %+v, %t", p, ok)
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567", -123: "-123", 48211: "48,211"} {
		if got := Thousands(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

// BenchmarkRiskOf has 100 brokers with 50,000 replicas.
func BenchmarkRiskOf(b *testing.B) {
	const brokers, topics, partitions = 100, 500, 34
	o := &Observation{}
	held := make([][]Replica, brokers)
	for t := range topics {
		topic := Topic{Name: fmt.Sprintf("topic-%03d", t)}
		for p := range partitions {
			var on []int32
			for n := range 3 {
				on = append(on, int32((t*partitions+p+n*7)%brokers))
				held[on[n]] = append(held[on[n]], Replica{TopicPartition: TopicPartition{topic.Name, int32(p)}})
			}
			topic.Partitions = append(topic.Partitions, Partition{Number: int32(p), Leader: on[0], Replicas: on, ISR: on, End: 1_000_000})
		}
		o.Topics = append(o.Topics, topic)
	}
	var all []Holding
	for id := range brokers {
		o.LogDirs = append(o.LogDirs, LogDir{Broker: int32(id), Path: "/data", Replicas: held[id]})
	}
	for id := range brokers {
		r := RecordOf(o, int32(id))
		all = append(all, Holding{Broker: int32(id), Snapshot: true, Record: &r})
	}
	for b.Loop() {
		RiskOf(o, all)
	}
}
