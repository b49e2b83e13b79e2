package apachekafka

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	lost "github.com/snapback-dev/snapback/kafka"
)

// TestTail fetches exactly the lost records from a copy in another cluster, as
// "kubectl snapback tail" writes it: the copy has other offsets, another partition of
// the topic lost nothing, and producers have written since.
func TestTail(t *testing.T) {
	k := start(t, Options{Nodes: Brokers(1)})
	remote := k.beside(Options{Nodes: Brokers(1)})
	k.must(k.CreateTopic(k.ctx, "t", nil, []int32{0}, []int32{0}))
	k.must(remote.CreateTopic(k.ctx, "t", nil, []int32{0}, []int32{0}))
	remote.produce("t", 0, 9000, 7) // the copy's offsets are others
	for _, c := range []*kafka{k, remote} {
		produceSame(c, "t", 0, 0, 1000)
		produceSame(c, "t", 1, 0, 300)
	}
	k.snapshot()
	for _, c := range []*kafka{k, remote} {
		produceSame(c, "t", 0, 1000, 200)
	}
	tp := lost.TopicPartition{Topic: "t"}
	asker := k.asker(0)
	before, err := asker.Observe(k.ctx)
	k.must(err)
	k.must(k.Lose(k.ctx, 0))
	k.must(k.Recover(k.ctx, 0))
	k.wantRecords("t", 0, 0, 1000)
	produceSame(k, "t", 0, 5000, 10)

	record := lost.RecordOf(before, 0)
	ends, err := k.asker(0).EpochEnds(k.ctx, record.Epochs())
	k.must(err)
	now, err := k.asker(0).Observe(k.ctx)
	k.must(err)
	after := lost.Restored{Broker: 0, Before: &record, Now: now, EpochEnds: ends}.After()
	if want := (lost.LostRange{TopicPartition: tp, From: 1000, To: 1200, Exactness: lost.Exactly}); len(after.Losses) != 1 || after.Losses[0] != want {
		t.Fatalf("lost %+v, want %+v", after.Losses, want)
	}
	scanner := func(c *kafka) lost.Scanner {
		return lost.NewScanner(lost.Config{Bootstrap: []string{c.Nodes[0].Addr()}})
	}
	tails, starts, copied, err := lost.FindTails(k.ctx, scanner(k), scanner(remote), after.Losses)
	k.must(err)
	if want := (lost.Tail{LostRange: after.Losses[0], CopyFrom: 1007, CopyTo: 1207}); len(tails) != 1 || tails[0] != want {
		t.Fatalf("tails %+v, want %+v", tails, want)
	}
	mirrorTails(k, remote, tails, starts, copied)

	records, err := k.Consume(k.ctx, "t", 0)
	k.must(err)
	var want []int
	for n := range 1000 {
		want = append(want, n)
	}
	for n := range 10 {
		want = append(want, 5000+n)
	}
	for n := range 200 {
		want = append(want, 1000+n)
	}
	if got := Numbers(records); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the topic has %d records, want %d: %v", len(got), len(want), got)
	}
	k.wantRecords("t", 1, 0, 300)

	// Once it is back, nothing of it is fetched again.
	tails, _, _, err = lost.FindTails(k.ctx, scanner(k), scanner(remote), after.Losses)
	k.must(err)
	if len(tails) != 1 || tails[0].Why != "fetched already: the first of them is at offset 1010 of the restored cluster" {
		t.Errorf("after it is fetched: %q", tails[0].Why)
	}
	k.row("9.7", "RF 1: its broker; a remote cluster has a copy under other offsets; 10 records have been written since", "1000 + 200", "1010, and the 200 after them: MirrorMaker 2 fetches exactly these with the files of `tail`")
}

// mirrorTails runs MirrorMaker 2 as the command says, until the tails are there.
func mirrorTails(k, remote *kafka, tails []lost.Tail, starts, ends map[lost.TopicPartition]int64) {
	k.Helper()
	k.must(k.CreateTopic(k.ctx, lost.MirrorOffsets, map[string]string{"cleanup.policy": "compact"}, []int32{0}))
	var records []*kgo.Record
	for line := range strings.Lines(lost.MirrorStart(tails, starts, ends)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		records = append(records, &kgo.Record{Topic: lost.MirrorOffsets, Key: []byte(key), Value: []byte(value)})
	}
	if p, err := k.Produce(k.ctx, records); err != nil || p.Acknowledged != len(records) || len(records) != 2 {
		k.Fatalf("%d of %d offsets written: %v, %v", p.Acknowledged, len(records), p.Failed, err)
	}
	k.mirror(lost.MirrorConfig(remote.Nodes[0].Addr(), k.Nodes[0].Addr(), nil, tails), 1210)
}

// sameTime is within the retention of a topic.
var sameTime = time.Now().Add(-time.Hour).Truncate(time.Second)

// produceSame writes numbered records whose times depend on the numbers only, so
// that another cluster can have the same.
func produceSame(k *kafka, topic string, partition int32, first, n int) {
	k.Helper()
	records := Numbered(topic, partition, first, n, 100)
	for i, r := range records {
		r.Timestamp = sameTime.Add(time.Duration(first+i) * time.Millisecond)
	}
	p, err := k.Produce(k.ctx, records)
	k.must(err)
	if p.Acknowledged != n {
		k.Fatalf("%d of %d records acknowledged: %v", p.Acknowledged, n, p.Failed)
	}
}
