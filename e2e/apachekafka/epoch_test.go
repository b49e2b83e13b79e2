package apachekafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// TestControllersOlder restores the controllers from before elections: the
// leader's epoch is an earlier one then than that of records in its log.
func TestControllersOlder(t *testing.T) {
	k := start(t, Options{Nodes: Brokers(2)})
	k.must(k.CreateTopic(k.ctx, "t", nil, []int32{0, 1}))
	k.produce("t", 0, 0, 1000)
	run := k.snapshot()
	k.raiseEpoch("t", 0, 8)
	k.Kill(1)
	k.must(k.InSync(k.ctx, "t", 0, 1))
	k.produce("t", 0, 1000, 200) // by broker 0 alone
	written := k.epoch("t", 0)

	k.Kill(0)
	k.must(k.Lose(k.ctx, 100))
	k.annotate(v1alpha1.AnnotationRestoreQuorum, "true")
	k.wantAnswer(100, run)
	k.must(k.Recover(k.ctx, 100))
	for id := range 2 {
		metadata := filepath.Join(k.Nodes[id].LogDirs()[0], "__cluster_metadata-0")
		k.must(os.Rename(metadata, filepath.Join(k.dir, fmt.Sprint("metadata-", id))))
	}
	k.must(k.Start(k.ctx, 0))
	k.electFirst()
	k.must(k.Start(k.ctx, 1))
	k.catchUp(1, written)
	k.wantRecords("t", 0, 0, 1200)
	k.row("5.6", "as 5.1, RF 2, after elections since the snapshot", "1000 + 200, these by one broker alone",
		"all 1200 if that broker is started first, and elected (unclean) where there is no leader; the other follows (\"Skipping batch\") only after the leader was started again")
}

// electFirst has broker 0 lead t-0 while the other is down. The controllers
// believe at first that both are up, and put either of them out of sync.
func (k *kafka) electFirst() {
	k.Helper()
	k.must(k.Eventually(k.ctx, func(ctx context.Context) error {
		d, err := k.Partition(ctx, "t", 0)
		if err == nil && d.Leader == 1 {
			err = errors.New("t-0 is still led by broker 1, which is down")
		}
		return err
	}))
	if d, err := k.Partition(k.ctx, "t", 0); err != nil || d.Leader < 0 {
		k.must(err)
		k.documented(0, "--election-type unclean", "T", "t")
	}
	k.wantLeader("t", 0, 0)
}

// epoch is the leader's epoch of a partition.
func (k *kafka) epoch(topic string, partition int32) int32 {
	k.Helper()
	d, err := k.Partition(k.ctx, topic, partition)
	k.must(err)
	return d.LeaderEpoch
}

// raiseEpoch turns the replicas of a partition round until its leader has an
// epoch, as elections do in the course of time.
func (k *kafka) raiseEpoch(topic string, partition, epoch int32) {
	k.Helper()
	k.must(k.Eventually(k.ctx, func(ctx context.Context) error {
		d, err := k.Partition(ctx, topic, partition)
		if err != nil || d.LeaderEpoch >= epoch {
			return err
		}
		slices.Reverse(d.Replicas)
		var req kadm.AlterPartitionAssignmentsReq
		req.Assign(topic, partition, d.Replicas)
		err = k.Admin(func(admin *kadm.Client) error {
			_, moved := admin.AlterPartitionAssignments(ctx, req)
			_, elected := admin.ElectLeaders(ctx, kadm.ElectPreferredReplica, kadm.TopicsSet{topic: {partition: {}}})
			return errors.Join(moved, elected)
		})
		return errors.Join(fmt.Errorf("%s-%d is led in epoch %d, %d is expected", topic, partition, d.LeaderEpoch, epoch), err)
	}))
	k.must(k.InSync(k.ctx, topic, partition, 2))
}

// catchUp starts broker 0, which leads t-0, again until the epoch is that in which
// its last records were written: until then the follower skips them.
func (k *kafka) catchUp(follower int, written int32) {
	k.Helper()
	k.must(k.Eventually(k.ctx, func(context.Context) error {
		if !strings.Contains(k.Nodes[follower].Log(), "Skipping batch") {
			return errors.New("the follower does not mind records of a later leader's epoch")
		}
		return nil
	}))
	if now := k.epoch("t", 0); now >= written {
		k.Errorf("the leader's epoch is %d, an earlier one than %d is expected", now, written)
	}
	for k.epoch("t", 0) < written { // each start raises it
		k.Kill(0)
		k.wantLeader("t", 0, -1)
		k.restart(0)
		k.wantLeader("t", 0, 0)
	}
	k.must(k.InSync(k.ctx, "t", 0, 2))
}
