package kafka

import (
	"reflect"
	"testing"
	"time"
)

var observed = time.Date(2026, 2, 21, 19, 4, 0, 0, time.UTC)

// restoredCase is a broker 0 with one partition t-0 of one replica, of which
// nothing was lost.
func restoredCase(change func(*Restored)) Restored {
	tp := TopicPartition{"t", 0}
	r := Restored{
		Before: &Record{At: observed, ClusterID: "id", Topics: []RecordedTopic{{Name: "t", ID: TopicID{1}.Hash(), Partitions: []RecordedPartition{{0, 5, 1200}}}}},
		Now: &Observation{ClusterID: "id", Brokers: []Broker{{ID: 0}}, Topics: []Topic{{Name: "t", ID: TopicID{1}, Cleanup: "delete",
			Partitions: []Partition{{Number: 0, Leader: 0, LeaderEpoch: 6, Replicas: []int32{0}, ISR: []int32{0}, End: 1200}}}}},
		EpochEnds: map[TopicPartition]int64{tp: 1200},
	}
	change(&r)
	return r
}

func lose200(r *Restored) {
	r.EpochEnds[TopicPartition{"t", 0}] = 1000
	r.Now.Topics[0].Partitions[0].End = 1000
}

func writeMore(n int64) func(*Restored) {
	return func(r *Restored) { r.Now.Topics[0].Partitions[0].End += n }
}

func twoReplicas(r *Restored) {
	r.Now.Topics[0].Partitions[0].Replicas = []int32{0, 1}
}

func commit(offset int64) func(*Restored) {
	return func(r *Restored) {
		r.Committed = map[string]map[TopicPartition]int64{"g": {{"t", 0}: offset}}
	}
}

func noRecord(r *Restored) { r.Before, r.EpochEnds = nil, nil }

func TestAfter(t *testing.T) {
	tp := TopicPartition{"t", 0}
	lost := LostRange{tp, 1000, 1200, Exactly}
	as := func(how Exactness) []LostRange { return []LostRange{{tp, lost.From, lost.To, how}} }
	open := Transaction{TopicPartition: tp, ProducerID: 7, StartOffset: 990, Hanging: true}
	running := Transaction{TopicPartition: tp, ProducerID: 8, StartOffset: 995}
	tests := map[string]struct {
		change []func(*Restored)
		want   Aftermath
	}{
		"nothing lost":           {want: Aftermath{Partitions: 1}},
		"nothing lost, more now": {change: []func(*Restored){writeMore(10)}, want: Aftermath{Partitions: 1}},
		"written until the loss": {change: []func(*Restored){func(r *Restored) { r.EpochEnds[tp] = 1250 }}, want: Aftermath{Partitions: 1}},
		"lost":                   {change: []func(*Restored){lose200}, want: Aftermath{Partitions: 1, Losses: as(Exactly)}},
		"lost, and as many new ones": {change: []func(*Restored){lose200, writeMore(500)},
			want: Aftermath{Partitions: 1, Losses: as(Exactly)}},
		"lost, compacted": {change: []func(*Restored){lose200, func(r *Restored) { r.Now.Topics[0].Cleanup = "compact,delete" }},
			want: Aftermath{Partitions: 1, Losses: as(AtMost)}},
		"lost, policy not known": {change: []func(*Restored){lose200, func(r *Restored) { r.Now.Topics[0].Cleanup = "" }},
			want: Aftermath{Partitions: 1, Losses: as(AtMost)}},
		"a hanging transaction": {change: []func(*Restored){lose200, func(r *Restored) { r.Open = []Transaction{open, running} }},
			want: Aftermath{Partitions: 1, Losses: as(AtMost), Hanging: []Transaction{open}}},
		"controllers from before, too": {change: []func(*Restored){lose200, func(r *Restored) {
			delete(r.EpochEnds, tp)
			r.Now.Topics[0].Partitions[0].LeaderEpoch = 4
		}}, want: Aftermath{Partitions: 1, Losses: as(AtLeast)}},
		"the leader did not answer": {change: []func(*Restored){func(r *Restored) { r.EpochEnds = nil }},
			want: Aftermath{Unknown: []TopicPartition{tp}}},
		"it had no leader before": {change: []func(*Restored){lose200, func(r *Restored) { r.Before.Topics[0].Partitions[0].End = NoOffset }},
			want: Aftermath{Unknown: []TopicPartition{tp}}},
		"the partition is gone": {change: []func(*Restored){func(r *Restored) { r.Now.Topics[0].Partitions = nil }},
			want: Aftermath{Partitions: 1, Losses: []LostRange{{tp, 0, 1200, AtMost}}}},
		"made again": {change: []func(*Restored){lose200, commit(1100), func(r *Restored) { r.Now.Topics[0].ID = TopicID{2} }},
			want: Aftermath{MadeAgain: []string{"t"}}},
		"made again before the last record": {change: []func(*Restored){lose200, func(r *Restored) {
			r.Taken = &Record{ClusterID: "id", Topics: []RecordedTopic{{Name: "t", ID: TopicID{2}.Hash()}, {Name: "gone", ID: 7}}}
		}}, want: Aftermath{Partitions: 1, Losses: as(Exactly), MadeAgain: []string{"t"}}},
		"made again, ids not known": {change: []func(*Restored){lose200, func(r *Restored) { r.Now.Topics[0].ID = TopicID{} }},
			want: Aftermath{Partitions: 1, Losses: as(Exactly)}},
		"gone":             {change: []func(*Restored){func(r *Restored) { r.Now.Topics = nil }}, want: Aftermath{Gone: []string{"t"}}},
		"another cluster":  {change: []func(*Restored){lose200, func(r *Restored) { r.Before.ClusterID = "old" }}, want: Aftermath{OtherCluster: true}},
		"not all recorded": {change: []func(*Restored){func(r *Restored) { r.Before.Omitted = 3 }}, want: Aftermath{Partitions: 1, Omitted: 3}},
		"no record":        {change: []func(*Restored){noRecord}, want: Aftermath{Partitions: 1}},

		"group within":        {change: []func(*Restored){lose200, commit(1000)}, want: Aftermath{Partitions: 1, Losses: as(Exactly)}},
		"group beyond":        {change: []func(*Restored){lose200, commit(1100)}, want: Aftermath{Partitions: 1, Losses: as(Exactly), Beyond: []Beyond{{"g", tp, 1100, 1000, 1000, false}}}},
		"group overtaken":     {change: []func(*Restored){lose200, writeMore(300), commit(1100)}, want: Aftermath{Partitions: 1, Losses: as(Exactly), Beyond: []Beyond{{"g", tp, 1100, 1300, 1000, true}}}},
		"group beyond, alone": {change: []func(*Restored){noRecord, commit(1300)}, want: Aftermath{Partitions: 1, Beyond: []Beyond{{"g", tp, 1300, 1200, NoOffset, false}}}},

		"unclean": {change: []func(*Restored){lose200, twoReplicas, func(r *Restored) { r.Now.Brokers = []Broker{{ID: 0}, {ID: 1}} }},
			want: Aftermath{Partitions: 1, Losses: as(Exactly), Unclean: []Unclean{{tp, 0, true, nil}}}},
		"unclean, peer down":       {change: []func(*Restored){lose200, twoReplicas}, want: Aftermath{Partitions: 1, Losses: as(Exactly), Unclean: []Unclean{{tp, 0, true, []int32{1}}}}},
		"peer down, nothing lost":  {change: []func(*Restored){twoReplicas}, want: Aftermath{Partitions: 1}},
		"peer down, loss unknown":  {change: []func(*Restored){twoReplicas, noRecord}, want: Aftermath{Partitions: 1, Unclean: []Unclean{{tp, 0, false, []int32{1}}}}},
		"peer leads, loss unknown": {change: []func(*Restored){twoReplicas, noRecord, func(r *Restored) { r.Now.Topics[0].Partitions[0].Leader = 1 }}, want: Aftermath{Partitions: 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := restoredCase(func(r *Restored) {
				for _, change := range tt.change {
					change(r)
				}
			})
			if r.Before != nil {
				tt.want.Observed = observed
			}
			if got := r.After(); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("After:\n%+v, want\n%+v", got, tt.want)
			}
		})
	}
}

func TestSum(t *testing.T) {
	loss := func(topic string, n int64, how Exactness) LostRange {
		return LostRange{TopicPartition{topic, 0}, 10, 10 + n, how}
	}
	tests := map[string]struct {
		losses []LostRange
		want   int64
		how    Exactness
	}{
		"nothing":     {nil, 0, Exactly},
		"exactly":     {[]LostRange{loss("a", 2, Exactly), loss("b", 3, Exactly)}, 5, Exactly},
		"at most":     {[]LostRange{loss("a", 2, Exactly), loss("b", 3, AtMost)}, 5, AtMost},
		"at least":    {[]LostRange{loss("a", 2, AtLeast), loss("b", 3, Exactly)}, 5, AtLeast},
		"about":       {[]LostRange{loss("a", 2, AtLeast), loss("b", 3, AtMost), loss("c", 1, AtMost)}, 6, About},
		"Kafka's own": {[]LostRange{loss("__consumer_offsets", 2, AtMost)}, 0, Exactly},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if n, how := (Aftermath{Losses: tt.losses}).Sum(); n != tt.want || how != tt.how {
				t.Errorf("%s %d, want %s %d", how, n, tt.how, tt.want)
			}
		})
	}
}

func TestMend(t *testing.T) {
	tp := TopicPartition{"t", 3}
	tests := map[string]string{
		ResetOffsets("k:9092", "g", tp, 1000):             "kafka-consumer-groups.sh --bootstrap-server k:9092 --group g --topic t:3 --reset-offsets --to-offset 1000 --execute",
		ResetOffsets("k:9092", "it's mine", tp, NoOffset): `kafka-consumer-groups.sh --bootstrap-server k:9092 --group 'it'\''s mine' --topic t:3 --reset-offsets --to-latest --execute`,
		AbortTransaction("k:9092", tp, 990):               "kafka-transactions.sh --bootstrap-server k:9092 abort --topic t --partition 3 --start-offset 990",
		ElectUnclean("k:9092", tp):                        "kafka-leader-election.sh --bootstrap-server k:9092 --election-type unclean --topic t --partition 3",
		ElectPreferred("k:9092", tp):                      "kafka-leader-election.sh --bootstrap-server k:9092 --election-type preferred --topic t --partition 3",
	}
	for got, want := range tests {
		if got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
}
