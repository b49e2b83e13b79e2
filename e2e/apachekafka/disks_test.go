package apachekafka

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/snapback-dev/snapback/kafka/logdir"
)

// diskOf is the disk of a node that has a partition, as the folders tell.
func (k *kafka) diskOf(id int, partition string) int {
	k.Helper()
	found := -1
	k.must(k.Eventually(k.ctx, func(context.Context) error {
		for i, dir := range k.Nodes[id].LogDirs() {
			if _, err := os.Stat(filepath.Join(dir, partition)); err == nil {
				found = i
				return nil
			}
		}
		return fmt.Errorf("%s is on no disk of node %d", partition, id)
	}))
	return found
}

// TestOneDiskOfTwo loses one disk of a broker with two, and then the same one
// again, after a partition has moved from it to the other.
func TestOneDiskOfTwo(t *testing.T) {
	k := start(t, Options{Nodes: []NodeSpec{{ID: 100, Role: Controller}, {ID: 0, Role: Broker, Disks: 2}}})
	k.must(k.CreateTopic(k.ctx, "a", nil, []int32{0}))
	lost := k.diskOf(0, "a-0")
	k.must(k.CreateTopic(k.ctx, "b", nil, []int32{0}))
	if k.diskOf(0, "b-0") == lost {
		t.Fatal("Kafka has put both topics on one disk")
	}
	k.produce("a", 0, 0, 1000)
	k.produce("b", 0, 0, 1000)
	run := k.snapshot()
	k.produce("a", 0, 1000, 200)
	k.produce("b", 0, 1000, 200)
	k.must(k.Lose(k.ctx, 0, lost))
	k.must(k.Recover(k.ctx, 0))
	k.wantRestored(0, lost, run)
	k.wantRecords("a", 0, 0, 1000)
	k.wantRecords("b", 0, 0, 1200)
	k.row("4.1", "JBOD, RF 1: one disk of two", "1000 + 200 on each", "1000 on the lost disk, 1200 on the other")

	other := 1 - lost
	k.must(k.move("a", 0, k.Nodes[0].LogDirs()[other]))
	k.must(k.Eventually(k.ctx, func(context.Context) error {
		_, here := os.Stat(filepath.Join(k.Nodes[0].LogDirs()[lost], "a-0"))
		_, there := os.Stat(filepath.Join(k.Nodes[0].LogDirs()[other], "a-0"))
		if here == nil || there != nil {
			return fmt.Errorf("a-0 has not moved: it is here: %t, and there: %t", here == nil, there == nil)
		}
		return nil
	}))
	k.produce("a", 0, 1000, 100)
	k.must(k.Lose(k.ctx, 0, lost))
	err := k.Recover(k.ctx, 0)
	if err == nil || !strings.Contains(k.Nodes[0].Log(), "Duplicate log directories for a-0") {
		t.Fatalf("it should not start, with a-0 on both disks: %v", err)
	}
	var found logdir.Broker
	k.must(json.Unmarshal([]byte(k.verify(false, append(k.Nodes[0].LogDirs(), "-o", "json")...)), &found))
	stale := filepath.Join(k.Nodes[0].LogDirs()[lost], "a-0")
	if len(found.Duplicates) != 1 || len(found.Duplicates[0].Stale) != 1 || found.Duplicates[0].Stale[0].Path != stale {
		t.Fatalf("verify should find the stale copy on disk %d: %+v", lost, found)
	}
	if out := k.verify(true, append(k.Nodes[0].LogDirs(), "--set-aside")...); !strings.Contains(out, "set aside: "+stale+" is now ") {
		t.Fatalf("verify should set %s aside:\n%s", stale, out)
	}
	k.must(k.Start(k.ctx, 0))
	k.wantRecords("a", 0, 0, 1100)
	k.wantRecords("b", 0, 0, 1200)
	k.must(k.Stop(0))
	if !k.wantSameAsKafka(0).Sound() {
		t.Error("after all that the log dirs should be sound")
	}
	k.row("4.2", "JBOD: the same disk, after a partition has moved from it to the other", "1100 and 1200",
		"the broker does not start (duplicate log directories); after verify --set-aside all of both")
}

// move moves the replica of a partition on node 0 to another log dir.
func (k *kafka) move(topic string, partition int32, dir string) error {
	var req kadm.AlterReplicaLogDirsReq
	req.Add(dir, kadm.TopicsSet{topic: {partition: {}}})
	return k.Admin(func(admin *kadm.Client) error {
		responses, err := admin.AlterAllReplicaLogDirs(k.ctx, req)
		if err != nil {
			return err
		}
		for _, r := range responses.Sorted() {
			if r.Err != nil {
				return r.Err
			}
		}
		return nil
	})
}

// folders are the names of the folders in a log dir.
func folders(dir string) map[string]bool {
	found := map[string]bool{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return found
	}
	for _, e := range entries {
		found[e.Name()] = e.IsDir()
	}
	return found
}
