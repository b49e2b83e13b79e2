package apachekafka

import (
	"context"
	"fmt"
	"regexp"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// TestOneReplicaLost is 1.1: what came after the snapshot is gone.
func TestOneReplicaLost(t *testing.T) {
	k := start(t, Options{Nodes: Brokers(2)})
	k.must(k.CreateTopic(k.ctx, "t", nil, []int32{0}))
	k.produce("t", 0, 0, 1000)
	run := k.snapshot()
	k.produce("t", 0, 1000, 200)
	k.must(k.Lose(k.ctx, 0))
	k.wantLeader("t", 0, -1) // its session is over
	k.must(k.Recover(k.ctx, 0))
	k.wantRestored(0, 0, run)
	k.wantRecords("t", 0, 0, 1000)
	k.produce("t", 0, 5000, 10)
	k.wantRecords("t", 0, 0, 1000, 5000, 5010)
	k.must(k.Stop(0))
	k.wantSameAsKafka(0)
	k.row("1.1", "RF 1: its broker", "1000 + 200", "1000; the next record gets offset 1000")
}

// TestFollowerIsPreloaded is 2.1: a restored follower fetches only what it
// misses, an empty one everything.
func TestFollowerIsPreloaded(t *testing.T) {
	const before, after, size = 100_000, 2_000, 1000
	k := start(t, Options{Nodes: Brokers(2)})
	k.must(k.CreateTopic(k.ctx, "t", nil, []int32{0, 1}))
	produce := func(first, n int) {
		t.Helper()
		p, err := k.Produce(k.ctx, Numbered("t", 0, first, n, size), kgo.ProducerBatchCompression(kgo.NoCompression()))
		k.must(err)
		if p.Acknowledged != n {
			t.Fatalf("%d of %d records acknowledged: %v", p.Acknowledged, n, p.Failed)
		}
	}
	// comeBack loses broker 0, and returns how many bytes it fetches then.
	comeBack := func() int64 {
		t.Helper()
		k.must(k.Lose(k.ctx, 0))
		k.must(k.InSync(k.ctx, "t", 0, 1))
		start := k.Nodes[1].PeersFetched()
		k.must(k.Recover(k.ctx, 0))
		k.must(k.InSync(k.ctx, "t", 0, 2))
		return k.Nodes[1].PeersFetched() - start
	}
	produce(0, before)
	run := k.snapshot()
	produce(before, after)
	preloaded := comeBack()
	k.wantRestored(0, 0, run)
	k.wantRecords("t", 0, 0, before+after)

	k.annotate(v1alpha1.AnnotationRestore, "off")
	empty := comeBack()
	k.wantRecords("t", 0, 0, before+after)
	t.Logf("a restored follower fetched %d bytes, an empty one %d (%d times)", preloaded, empty, empty/preloaded)
	if preloaded < after*size || preloaded > 3e6 || empty < (before+after)*size || empty > 120e6 {
		t.Errorf("a restored follower fetched %d bytes, an empty one %d: 2 to 3 MB and 102 to 120 MB are expected", preloaded, empty)
	}
	k.row("2.1", "RF 2: one broker, of records of 1 kB", "100000 + 2000",
		"all 102000; in sync after 2 to 3 MB, an empty one after 102 to 120 MB")
}

// TestBothReplicasLost is 2.2: as with one replica.
func TestBothReplicasLost(t *testing.T) {
	k := start(t, Options{Nodes: Brokers(2), Shape: Strimzi})
	k.must(k.CreateTopic(k.ctx, "t", nil, []int32{0, 1}))
	k.produce("t", 0, 0, 1000)
	run := k.snapshot()
	k.produce("t", 0, 1000, 200)
	k.loseAll(0, 1)
	k.must(k.Recover(k.ctx, 0, 1))
	k.wantRestored(0, 0, run)
	k.wantRestored(1, 0, run)
	k.must(k.InSync(k.ctx, "t", 0, 2))
	k.wantRecords("t", 0, 0, 1000)
	k.row("2.2", "RF 2: both brokers", "1000 + 200", "1000, in sync on both")
}

// TestAllLost is 3.1: two partitions, both back to the snapshots.
func TestAllLost(t *testing.T) {
	k := start(t, Options{Nodes: Brokers(2)})
	k.must(k.CreateTopic(k.ctx, "t", nil, []int32{0, 1}, []int32{1, 0}))
	k.produce("t", 0, 0, 1000)
	k.produce("t", 1, 0, 500)
	k.must(k.CreateTopic(k.ctx, "__consumer_offsets", map[string]string{"cleanup.policy": "compact"}, []int32{0, 1}))
	k.commit("t", 1, 500)
	k.snapshot()
	k.produce("t", 0, 1000, 200)
	k.produce("t", 1, 500, 100)
	k.commit("t", 1, 600)
	k.loseAll(0, 1)
	k.must(k.Recover(k.ctx, 0, 1))
	k.wantCommitted("t", 1, 500)
	for p, n := range []int{1000, 500} {
		k.must(k.InSync(k.ctx, "t", int32(p), 2))
		k.wantRecords("t", int32(p), 0, n)
	}
	k.row("3.1", "two partitions, RF 2: all brokers", "1000 + 200 and 500 + 100", "1000 and 500; the group that had read to 600 stands at 500, as in the snapshot")
}

// TestAllLostButOne is 3.2: what has a replica on the survivor loses nothing.
func TestAllLostButOne(t *testing.T) {
	k := start(t, Options{Nodes: Brokers(3), Shape: Strimzi})
	k.must(k.CreateTopic(k.ctx, "t", nil, []int32{1, 0}, []int32{1, 2}))
	k.produce("t", 0, 0, 1000)
	k.produce("t", 1, 0, 500)
	k.must(k.CreateTopic(k.ctx, "__consumer_offsets", map[string]string{"cleanup.policy": "compact"}, []int32{0}))
	k.snapshot()
	k.produce("t", 0, 1000, 200)
	k.produce("t", 1, 500, 100)
	k.commit("t", 1, 600)
	k.Kill(1)
	k.must(k.InSync(k.ctx, "t", 0, 1)) // led by the survivor
	k.loseAll(1, 2)
	k.must(k.Recover(k.ctx, 1, 2))
	for p, n := range []int{1200, 500} {
		k.must(k.InSync(k.ctx, "t", int32(p), 2))
		k.wantRecords("t", int32(p), 0, n)
	}
	k.wantCommitted("t", 1, 600)
	if out := k.documented(0, "--describe --group", "G", "g"); !regexp.MustCompile(`\st\s+1\s+600\s+500\s+-100\s`).MatchString(out) {
		t.Errorf("the group's offset 600 of 500 should show as a negative lag:\n%s", out)
	}
	k.documented(0, "--reset-offsets", "G", "g", "T:0", "t:1")
	k.wantCommitted("t", 1, 500)
	k.row("3.2", "two partitions, RF 2: all brokers but one", "1000 + 200 and 500 + 100", "1200 of the partition that the survivor has, 500 of the other; the group that had read to 600 stands beyond that end")
}

// loseAll kills nodes together, and then deletes their claims.
func (k *kafka) loseAll(ids ...int) {
	k.Helper()
	k.Kill(ids...)
	for _, id := range ids {
		k.must(k.Lose(k.ctx, id))
	}
}

// commit commits an offset of a partition for the consumer group g.
func (k *kafka) commit(topic string, partition int32, offset int64) {
	k.Helper()
	k.must(k.Admin(func(admin *kadm.Client) error {
		var offsets kadm.Offsets
		offsets.AddOffset(topic, partition, offset, -1)
		return k.Eventually(k.ctx, func(ctx context.Context) error { return admin.CommitAllOffsets(ctx, "g", offsets) })
	}))
}

// wantCommitted says what the group's committed offset of a partition is.
func (k *kafka) wantCommitted(topic string, partition int32, offset int64) {
	k.Helper()
	k.must(k.Admin(func(admin *kadm.Client) error {
		return k.Eventually(k.ctx, func(ctx context.Context) error {
			committed, err := admin.FetchOffsets(ctx, "g")
			if err != nil {
				return err
			}
			if got, ok := committed.Lookup(topic, partition); !ok || got.At != offset {
				return fmt.Errorf("the group's committed offset is %d, %d is expected", got.At, offset)
			}
			return nil
		})
	}))
}

// wantLeader waits until a partition is led by that broker; -1: by none.
func (k *kafka) wantLeader(topic string, partition, broker int32) {
	k.Helper()
	k.must(k.Eventually(k.ctx, func(ctx context.Context) error {
		d, err := k.Partition(ctx, topic, partition)
		if err == nil && d.Leader != broker {
			err = fmt.Errorf("%s-%d is led by %d, %d is expected", topic, partition, d.Leader, broker)
		}
		return err
	}))
}
