package kafka

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// partitionsOf returns some of a topic's partitions, which have about the same
// number of records.
func partitionsOf(n int, random *rand.Rand, about int64) []RecordedPartition {
	var all []RecordedPartition
	number := int32(0)
	end := func() int64 { return int64(float64(about) * (0.8 + 0.2*random.Float64())) }
	for range n {
		number += int32(random.IntN(2))
		all = append(all, RecordedPartition{number, int32(random.IntN(60)), end()})
		number++
	}
	return all
}

// large is the record of a log dir with so many partitions, on a busy cluster.
func large(topics, partitions int, end func(*rand.Rand) int64) Record {
	random := rand.New(rand.NewPCG(1, 2))
	r := Record{At: time.Unix(1_800_000_000, 0).UTC(), ClusterID: "MkU3OEVBNTcwNTJENDM2Qg"}
	areas := []string{"billing", "orders", "shipping", "telemetry", "audit", "search"}
	for n := range topics {
		var id TopicID
		binary.BigEndian.PutUint64(id[:], random.Uint64())
		name := fmt.Sprintf("%s.%s-events.v%d-%03d", areas[n*len(areas)/topics], []string{"created", "changed", "deleted"}[n%3], n%2+1, n)
		r.Topics = append(r.Topics, RecordedTopic{name, id.Hash(), partitionsOf(partitions/topics, random, end(random))})
	}
	slices.SortFunc(r.Topics, func(a, b RecordedTopic) int { return strings.Compare(a.Name, b.Name) })
	return r
}

func TestRecordSize(t *testing.T) {
	r := large(400, 4000, func(r *rand.Rand) int64 { return int64(math.Pow(10, 11*r.Float64())) })
	text := Encode(r)
	got, err := Decode(text)
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("%d partitions, %d omitted, %v", got.Len(), got.Omitted, err)
	}
	t.Logf("%d of %d bytes", len(text), MaxRecord)
}

func TestEncode(t *testing.T) {
	at := time.Unix(1_800_000_000, 0).UTC()
	for name, r := range map[string]Record{
		"empty":       {At: at},
		"a partition": {At: at, ClusterID: "abc", Topics: []RecordedTopic{{"t", 7, []RecordedPartition{{0, 3, 12}}}}},
		"extremes": {At: at, Omitted: 5, Topics: []RecordedTopic{
			{"a", 0, []RecordedPartition{{0, -1, NoOffset}, {math.MaxInt32 - 1, math.MaxInt32, math.MaxInt64 - 1}}},
			{strings.Repeat("z", maxTopicName), 1<<topicHashBits - 1, []RecordedPartition{{4, 0, 0}}},
		}},
	} {
		got, err := Decode(Encode(r))
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, r)
		}
	}
}

// What does not fit is left out, and counted.
func TestEncodeOmits(t *testing.T) {
	r := large(1000, 10_000, func(r *rand.Rand) int64 { return r.Int64N(100_000_000_000) })
	text := Encode(r)
	got, err := Decode(text)
	if err != nil || len(text) > MaxRecord || len(text) < MaxRecord*9/10 || got.Len()+got.Omitted != 10_000 {
		t.Errorf("%d bytes, %d partitions, %d omitted, %v", len(text), got.Len(), got.Omitted, err)
	}
	for _, topic := range got.Topics {
		for _, p := range topic.Partitions {
			if want, id, ok := r.Find(TopicPartition{topic.Name, p.Number}); !ok || want != p || id != topic.ID {
				t.Fatalf("%s %+v was not in the record", topic.Name, p)
			}
		}
	}
	same := large(300, 90_000, func(*rand.Rand) int64 { return 0 })
	if got, err := Decode(Encode(same)); err != nil || got.Len()+got.Omitted != 90_000 {
		t.Errorf("%d partitions, %d omitted, %v", got.Len(), got.Omitted, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Encode(large(3, 9, func(r *rand.Rand) int64 { return r.Int64N(1000) })))
	f.Add(Encode(Record{}))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Decode(text)
		if err != nil {
			return
		}
		again := Encode(r)
		if len(again) > MaxRecord {
			t.Fatalf("%d bytes", len(again))
		}
		got, err := Decode(again)
		if err != nil || got.Len()+got.Omitted != r.Len()+r.Omitted {
			t.Fatalf("%+v became %+v: %v", r, got, err)
		}
		if got.Omitted == r.Omitted && !reflect.DeepEqual(got, r) {
			t.Fatalf("%+v became %+v", r, got)
		}
	})
}

func TestDecodeHostile(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":    "",
		"no base64":  "!",
		"too long":   strings.Repeat("A", MaxRecord+1),
		"no deflate": "AAAA",
	} {
		if _, err := Decode(text); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	r := large(400, 4000, func(r *rand.Rand) int64 { return int64(math.Pow(10, 11*r.Float64())) })
	for b.Loop() {
		Encode(r)
	}
}
