package apachekafka

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// TestDifferentRuns loses both replicas, of which one has an older snapshot
// only: the one that was in sync last decides.
func TestDifferentRuns(t *testing.T) {
	k := start(t, Options{Nodes: Brokers(2)})
	k.must(k.CreateTopic(k.ctx, "t", nil, []int32{0, 1}))
	k.produce("t", 0, 0, 1000)
	first := k.snapshot()
	k.produce("t", 0, 1000, 200)
	second := k.snapshot()
	pvc, err := k.Claimed(k.ctx, 0, 0)
	k.must(err)
	for _, vs := range k.snapshotsOf(pvc.Name) {
		if strings.Contains(vs.Name, second.Format("20060102-150405")) {
			k.must(k.api.Delete(k.ctx, &vs))
		}
	}
	k.produce("t", 0, 1200, 100)
	k.Kill(1)
	k.must(k.InSync(k.ctx, "t", 0, 1)) // only broker 0, whose snapshot is the older
	k.loseAll(0, 1)
	k.wantAnswer(0, first)
	k.must(k.Recover(k.ctx, 1))
	k.must(k.Recover(k.ctx, 0))
	k.wantRestored(1, 0, second)
	k.must(k.InSync(k.ctx, "t", 0, 2))
	k.wantRecords("t", 0, 0, 1000)
	k.row("2.3", "RF 2: both brokers, the last in-sync one's snapshot is older", "1000 + 200 + 100", "1000: the other, restored with 1200, is cut to it")
}

// TestPeerElectedFirst: the last in-sync broker is lost while a peer with more is
// down.
func TestPeerElectedFirst(t *testing.T) {
	k := start(t, Options{Nodes: Brokers(2)})
	k.must(k.CreateTopic(k.ctx, "t", nil, []int32{0, 1}))
	k.produce("t", 0, 0, 1000)
	k.snapshot()
	k.produce("t", 0, 1000, 200)
	loseLast := func() {
		t.Helper()
		k.Kill(1)
		k.must(k.InSync(k.ctx, "t", 0, 1))
		k.must(k.Lose(k.ctx, 0))
	}
	loseLast()
	k.must(k.Start(k.ctx, 1))
	k.wantLeader("t", 0, -1) // before that the command changes nothing
	k.documented(1, "--election-type unclean", "T", "t")
	k.must(k.Recover(k.ctx, 0))
	k.must(k.InSync(k.ctx, "t", 0, 2))
	k.wantRecords("t", 0, 0, 1200)
	k.row("2.4", "RF 2: the last in-sync broker, its peer down with all records; the peer is elected first (unclean)", "1000 + 200", "all 1200")

	loseLast()
	k.must(k.Recover(k.ctx, 0))
	k.must(k.Start(k.ctx, 1))
	k.must(k.InSync(k.ctx, "t", 0, 2))
	k.wantRecords("t", 0, 0, 1000)
	k.row("2.5", "the same, the restored broker is let in first", "1000 + 200", "1000: the peer is cut to it")
}

// Levels of Kafka's feature of eligible leader replicas (ELR).
const (
	elrOff = "eligible.leader.replicas.version=0"
	elrOn  = "eligible.leader.replicas.version=1"
)

// elrLevel is what kafka-features says of it.
var elrLevel = regexp.MustCompile(`eligible\.leader\.replicas\.version\s.*FinalizedVersionLevel: (\d)`)

// TestEligibleLeader: with ELR and min.insync.replicas 2 Kafka remembers a peer
// that stopped cleanly as eligible, and waits for it. Without either it does
// not.
func TestEligibleLeader(t *testing.T) {
	t.Run("on", func(t *testing.T) {
		k := start(t, Options{Nodes: Brokers(2), Feature: elrOn})
		k.restoreBesideStopped(1000, 1200)
		k.row("2.6", "the same, ELR on, the peer stopped cleanly; min.insync.replicas 1 and 2", "1000 + 200 in each", "1000 and 1200")
	})
	t.Run("off", func(t *testing.T) {
		k := start(t, Options{Nodes: Brokers(2), Feature: elrOff})
		k.restoreBesideStopped(1000, 1000)
		k.row("2.7", "the same, ELR off", "1000 + 200 in each", "1000 in each")
	})
}

// restoreBesideStopped stops broker 1, loses and restores broker 0, and starts
// the other again. It expects so many records of topics that ask for one and
// for two replicas in sync.
func (k *kafka) restoreBesideStopped(one, two int) {
	k.Helper()
	topics := map[string]int{"one": one, "two": two}
	k.must(k.CreateTopic(k.ctx, "one", map[string]string{"min.insync.replicas": "1"}, []int32{0, 1}))
	k.must(k.CreateTopic(k.ctx, "two", map[string]string{"min.insync.replicas": "2"}, []int32{0, 1}))
	for topic := range topics {
		k.produce(topic, 0, 0, 1000)
	}
	k.snapshot()
	for topic := range topics {
		k.produce(topic, 0, 1000, 200)
	}
	level := elrLevel.FindStringSubmatch(k.documented(0, "kafka-features"))
	if level == nil || !strings.HasSuffix(k.Feature, "="+level[1]) {
		k.Errorf("%s is expected of the cluster: %q", k.Feature, level)
	}
	k.must(k.Stop(1))
	k.must(k.InSync(k.ctx, "one", 0, 1))
	k.must(k.InSync(k.ctx, "two", 0, 1))
	k.must(k.Lose(k.ctx, 0))
	k.must(k.Recover(k.ctx, 0))
	k.must(k.Start(k.ctx, 1))
	for topic, n := range topics {
		k.must(k.InSync(k.ctx, topic, 0, 2))
		k.wantRecords(topic, 0, 0, n)
	}
}

// TestDeletedKeys: a snapshot older than delete.retention.ms brings keys back
// that were deleted, and restore-max-age keeps it out.
func TestDeletedKeys(t *testing.T) {
	k := start(t, Options{Nodes: Brokers(2), Config: map[string]string{"log.cleaner.backoff.ms": "200"}})
	k.must(k.CreateTopic(k.ctx, "c", map[string]string{"cleanup.policy": "compact", "segment.ms": "100",
		"min.cleanable.dirty.ratio": "0.001", "delete.retention.ms": "100"}, []int32{1, 0}))
	key := func(i int, value []byte) *kgo.Record {
		return &kgo.Record{Topic: "c", Key: fmt.Appendf(nil, "key-%d", i), Value: value}
	}
	var written, deleted []*kgo.Record
	for i := range 100 {
		written = append(written, key(i, []byte("value")))
		if i < 50 {
			deleted = append(deleted, key(i, nil))
		}
	}
	for _, records := range [][]*kgo.Record{written, nil, deleted} {
		if records == nil {
			k.snapshot()
			continue
		}
		p, err := k.Produce(k.ctx, records)
		k.must(err)
		if p.Failed != nil {
			t.Fatal(p.Failed)
		}
	}
	k.must(k.Eventually(k.ctx, func(ctx context.Context) error { // the cleaner works on segments that are full only
		if _, err := k.Produce(ctx, []*kgo.Record{key(1000, []byte("tick"))}); err != nil {
			return err
		}
		records, err := k.Consume(ctx, "c", 0)
		if err == nil && keysOf(records, 50) > 0 {
			err = fmt.Errorf("%d of 50 deleted keys are still in the log, as tombstones or values", keysOf(records, 50))
		}
		return err
	}))
	k.must(k.Lose(k.ctx, 0))
	k.must(k.InSync(k.ctx, "c", 0, 1))
	k.annotate(v1alpha1.AnnotationRestoreMaxAge, "1s")
	k.wantRefused(0, v1alpha1.AnnotationRestoreMaxAge)
	k.annotate(v1alpha1.AnnotationRestoreMaxAge, "24h")
	k.must(k.Eventually(k.ctx, func(ctx context.Context) error { return k.CreateClaims(ctx, 0) }))
	k.must(k.Start(k.ctx, 0))
	k.must(k.InSync(k.ctx, "c", 0, 2))
	k.must(k.Stop(1))
	k.must(k.InSync(k.ctx, "c", 0, 1))
	records, err := k.Consume(k.ctx, "c", 0)
	k.must(err)
	if back := keysOf(records, 50); back != 50 {
		t.Errorf("%d of 50 deleted keys are back on the restored broker", back)
	}
	k.row("6.1", "RF 2, compacted: one broker, restored from before 50 keys were deleted and delete.retention.ms was over", "100 keys, 50 deleted",
		"the 50 are back once it leads; with restore-max-age the claim is refused")
}

// keysOf counts the different keys of the first n that records have.
func keysOf(records []*kgo.Record, n int) int {
	found := map[string]bool{}
	for _, r := range records {
		var i int
		if _, err := fmt.Sscanf(string(r.Key), "key-%d", &i); err == nil && i < n {
			found[string(r.Key)] = true
		}
	}
	return len(found)
}

// TestOpenTransaction cuts a partition in the middle of a transaction, which
// its coordinator commits later.
func TestOpenTransaction(t *testing.T) {
	k := start(t, Options{Nodes: Brokers(2)})
	k.must(k.CreateTopic(k.ctx, "__transaction_state", map[string]string{"cleanup.policy": "compact"}, []int32{1}))
	k.must(k.CreateTopic(k.ctx, "t", nil, []int32{0}))
	k.produce("t", 0, 0, 100)
	producer, err := k.Client(kgo.TransactionalID("tx"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	k.must(err)
	defer producer.Close()
	k.must(producer.BeginTransaction())
	k.must(producer.ProduceSync(k.ctx, Numbered("t", 0, 100, 50, 100)...).FirstErr())
	k.snapshot()
	k.must(producer.EndTransaction(k.ctx, kgo.TryCommit))
	k.produce("t", 0, 150, 10)
	k.must(k.Lose(k.ctx, 0))
	k.must(k.CreateClaims(k.ctx, 0))
	if out := k.verify(true, k.Nodes[0].LogDirs()...); !strings.Contains(out, "1 open transactions, the first at offset 100") {
		t.Errorf("verify should show the open transaction:\n%s", out)
	}
	if broker := k.wantSameAsKafka(0); !broker.Sound() {
		t.Errorf("a cut in a transaction is no damage: %+v", broker)
	} else {
		for _, p := range broker.Dirs[0].Partitions {
			if p.Topic == "t" && (p.OpenTransactions != 1 || p.StableOffset != 100 || p.EndOffset != 150) {
				t.Errorf("an open transaction at offset 100 of 150 is expected: %+v", p)
			}
		}
	}
	k.must(k.Start(k.ctx, 0))
	k.produce("t", 0, 5000, 10)
	stable := func() (offset int64) {
		k.must(k.Admin(func(admin *kadm.Client) error {
			offsets, err := admin.ListCommittedOffsets(k.ctx, "t")
			if err == nil {
				err = offsets.Error()
			}
			offset = offsets["t"][0].Offset
			return err
		}))
		return offset
	}
	if got := stable(); got != 100 {
		t.Errorf("read_committed consumers should stand still at offset 100, they get to %d", got)
	}
	k.documented(0, "find-hanging") // names it when it is old enough
	k.documented(0, "abort", "T", "t", "N", "100")
	k.must(k.Eventually(k.ctx, func(context.Context) error {
		if got := stable(); got != 161 {
			return fmt.Errorf("after the abort read_committed consumers get to %d, not to the end", got)
		}
		return nil
	}))
	records, err := k.Consume(k.ctx, "t", 0, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	k.must(err)
	if got := span(Numbers(records)); got != "0..99 5000..5009" {
		t.Errorf("read_committed consumers get %s", got)
	}
	k.row("6.2", "RF 1: its broker, cut in the middle of a transaction of 50 that was committed", "100 + 50 + 10",
		"100; read_committed consumers stand still there until kafka-transactions abort")
}

// TestTopicMadeAgain loses a broker after a topic was deleted and created
// again.
func TestTopicMadeAgain(t *testing.T) {
	k := start(t, Options{Nodes: Brokers(1)})
	k.must(k.CreateTopic(k.ctx, "t", nil, []int32{0}))
	k.produce("t", 0, 0, 1000)
	k.snapshot()
	k.makeAgain("t")
	k.produce("t", 0, 5000, 10)
	k.must(k.Lose(k.ctx, 0))
	k.must(k.Recover(k.ctx, 0))
	start, end, err := k.Offsets(k.ctx, "t", 0)
	k.must(err)
	if start != 0 || end != 0 {
		t.Errorf("the new topic's partition has the offsets %d to %d", start, end)
	}
	aside := 0
	for name := range folders(k.Nodes[0].LogDirs()[0]) {
		if strings.HasPrefix(name, "t-0.") {
			aside++
		}
	}
	if aside != 1 {
		t.Errorf("the old topic's folder should be set aside by Kafka: %v", folders(k.Nodes[0].LogDirs()[0]))
	}
	k.row("6.3", "RF 1: its broker, the topic deleted and made again since", "1000 of the old, 10 of the new", "none: the old topic's are set aside (-stray), the new one's were not in the snapshot")
}

// makeAgain deletes a topic of one partition on broker 0, and creates it again.
func (k *kafka) makeAgain(topic string) {
	k.Helper()
	k.must(k.Admin(func(admin *kadm.Client) error {
		response, err := admin.DeleteTopic(k.ctx, topic)
		if err == nil {
			err = response.Err
		}
		return err
	}))
	k.must(k.Eventually(k.ctx, func(ctx context.Context) error { return k.CreateTopic(ctx, topic, nil, []int32{0}) }))
}
