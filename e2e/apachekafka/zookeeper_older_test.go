package apachekafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// TestZooKeeperOlder restores ZooKeeper from an earlier run than its brokers.
// What it then knows of topics, and of who was in sync, is wrong.
func TestZooKeeperOlder(t *testing.T) {
	k := start(t, Options{Shape: Strimzi, Nodes: WithZooKeeper(2)})
	k.must(k.CreateTopic(k.ctx, "t", nil, []int32{1, 0}))
	k.must(k.CreateTopic(k.ctx, "deleted", nil, []int32{0}))
	k.produce("t", 0, 0, 1000)
	k.produce("deleted", 0, 0, 100)
	first := k.snapshot()
	k.Kill(1)
	k.restart(1)
	issued := k.producerIDs(1)
	k.must(k.CreateTopic(k.ctx, "made", nil, []int32{0, 1}))
	k.produce("made", 0, 0, 100)
	k.must(k.InSync(k.ctx, "made", 0, 2))
	k.raiseEpoch("t", 0, 6)
	k.must(k.Admin(func(admin *kadm.Client) error {
		response, err := admin.DeleteTopic(k.ctx, "deleted")
		return errors.Join(err, response.Err)
	}))
	k.Kill(1)
	k.must(k.InSync(k.ctx, "t", 0, 1))
	k.produce("t", 0, 1000, 200) // by broker 0 alone
	written := k.epoch("t", 0)
	second := k.snapshot()
	k.deleteSnapshots(second, servers...)
	k.annotate(v1alpha1.AnnotationRestoreQuorum, "true")

	k.loseAllTo(first, second)
	k.restart(0, 1)
	k.catchUp(1, written)
	k.wantRecords("t", 0, 0, 1200)
	k.row("7.4", "everything; ZooKeeper is restored from an earlier run than the brokers, RF 2", "1000 + 200, these by one broker alone",
		"all 1200 if that broker is started first; the other follows (\"Skipping batch\") only after the leader was started again")

	k.loseAllTo(first, second)
	k.restart(1)
	if again := k.producerIDs(1); again != issued {
		t.Errorf("broker 1 should issue producer ids from %d again, it does from %d", issued, again)
	}
	k.restart(0)
	k.must(k.InSync(k.ctx, "t", 0, 2))
	k.wantRecords("t", 0, 0, 1000)
	k.row("7.5", "the same, the other broker is started first", "1000 + 200, these by one broker alone",
		"1000: ZooKeeper believes that the other is in sync, it leads, and 200 are cut off")

	k.wantLeader("deleted", 0, 0)
	k.wantRecords("deleted", 0)
	k.row("7.6", "the same, of a topic that was deleted since", "100", "it is there again, empty")

	k.wantMadeSince()
	k.row("7.7", "the same, of a topic that was made since", "100",
		"unknown; made again, it takes no record (another topic id); without its partition.metadata all 100")
}

// wantMadeSince says what becomes of a topic that ZooKeeper does not know and
// whose folders the brokers have.
func (k *kafka) wantMadeSince() {
	k.Helper()
	if _, err := k.Partition(k.ctx, "made", 0); !errors.Is(err, kerr.UnknownTopicOrPartition) {
		k.Errorf("the topic should be unknown: %v", err)
	}
	for id := range 2 {
		if found := folders(k.Nodes[id].LogDirs()[0]); !found["made-0"] {
			k.Errorf("broker %d should have kept the folder of the topic: %v", id, found)
		}
	}
	k.documented(0, "--replica-assignment", "T", "made", "0:1", "0:1")
	k.must(k.Eventually(k.ctx, func(context.Context) error {
		if !strings.Contains(k.Nodes[0].Log(), "does not match the topic ID for partition made-0") {
			return errors.New("broker 0 does not mind that the topic has another id")
		}
		return nil
	}))
	p, err := k.Produce(k.ctx, Numbered("made", 0, 5000, 1, 100), kgo.RecordDeliveryTimeout(5*time.Second))
	k.must(err)
	if p.Acknowledged != 0 {
		k.Errorf("a topic with another id than its folders' should take no record, it has taken %d", p.Acknowledged)
	}
	k.Kill(0, 1)
	for id := range 2 {
		k.must(os.Remove(filepath.Join(k.Nodes[id].LogDirs()[0], "made-0", "partition.metadata")))
	}
	k.restart(0, 1)
	k.must(k.InSync(k.ctx, "made", 0, 2))
	k.wantRecords("made", 0, 0, 100)
	k.produce("made", 0, 100, 10)
}

// deleteSnapshots deletes those that a run has taken of nodes.
func (k *kafka) deleteSnapshots(run time.Time, ids ...int) {
	k.Helper()
	for _, id := range ids {
		pvc, err := k.Claimed(k.ctx, id, 0)
		k.must(err)
		for _, vs := range k.snapshotsOf(pvc.Name) {
			if strings.Contains(vs.Name, run.Format("20060102-150405")) {
				k.must(k.api.Delete(k.ctx, &vs))
			}
		}
	}
}

// loseAllTo loses everything, restores ZooKeeper from one run and brokers 0 and
// 1 from another, and starts ZooKeeper.
func (k *kafka) loseAllTo(zooKeeper, brokers time.Time) {
	k.Helper()
	runs := map[int]time.Time{0: brokers, 1: brokers}
	for _, id := range servers {
		runs[id] = zooKeeper
	}
	for id := range runs {
		k.Nodes[id].kill()
	}
	var ids []int
	for id := range runs {
		k.must(k.Lose(k.ctx, id))
		ids = append(ids, id)
	}
	for id, run := range runs {
		k.wantAnswer(id, run)
	}
	k.must(k.CreateClaims(k.ctx, ids...))
	for id, run := range runs {
		k.wantRestored(id, 0, run)
	}
	k.must(k.Launch(k.ctx, servers...))
}

// producerIDs is the first of the block of producer ids that a broker issues.
func (k *kafka) producerIDs(broker int) (first int64) {
	k.Helper()
	const block = 1000
	client, err := k.Client()
	k.must(err)
	defer client.Close()
	k.must(k.Eventually(k.ctx, func(ctx context.Context) error {
		response, err := client.Broker(broker).RetriableRequest(ctx, kmsg.NewPtrInitProducerIDRequest())
		if err != nil {
			return fmt.Errorf("ask broker %d for a producer id: %w", broker, err)
		}
		init := response.(*kmsg.InitProducerIDResponse)
		first = init.ProducerID / block * block
		return kerr.ErrorForCode(init.ErrorCode)
	}))
	return first
}
