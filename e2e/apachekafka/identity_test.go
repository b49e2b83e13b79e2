package apachekafka

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka/logdir"
)

// TestWrongDisk gives a broker the disk of another one by hand: Kafka does not
// start, and verify says why.
func TestWrongDisk(t *testing.T) {
	k := start(t, Options{Nodes: Brokers(2)})
	k.snapshot()
	pvc, err := k.Claimed(k.ctx, 1, 0)
	k.must(err)
	own := k.Nodes[0].LogDirs()[0]
	k.Kill(0)
	k.Nodes[0].disks[0] = k.claimFrom(0, k.snapshotOf(pvc.Name))
	k.must(k.Launch(k.ctx, 0))
	k.wantEnd(0, "Stored node id 1")
	k.wantFound("one is the disk of another broker", own, k.Nodes[0].LogDirs()[0])
	k.row("4.3", "the disk of another broker, restored by hand", "-", "the broker does not start (\"Stored node id 1\"); Snapback takes a volume's own snapshots only")
}

// TestEarlierCluster deletes a cluster and makes another of that name, whose
// broker then gets the disk of the first one's by hand.
func TestEarlierCluster(t *testing.T) {
	k := start(t, Options{Nodes: Brokers(1), Owner: "first"})
	k.must(k.CreateTopic(k.ctx, "t", nil, []int32{0}))
	k.produce("t", 0, 0, 1000)
	k.snapshot()
	pvc, err := k.Claimed(k.ctx, 0, 0)
	k.must(err)
	snapshot := k.snapshotOf(pvc.Name)
	k.loseAll(100, 0)

	k.Owner, k.ID = "second", newID()
	k.wantRefused(0, "it is of an earlier cluster named kafka")
	k.annotate(v1alpha1.AnnotationRestore, "off")
	for _, id := range []int{100, 0} {
		k.wantNoSource(id)
	}
	k.must(k.Recover(k.ctx, 100, 0))
	own := k.Nodes[0].LogDirs()[0]
	k.Kill(0)
	k.Nodes[0].disks[0] = k.claimFrom(0, snapshot)
	wrong := k.Nodes[0].LogDirs()[0]
	// Operators run this before each start: it does not mind. Kafka gives up
	// after a minute of being turned away by the controllers.
	_, err = k.install.Tool(k.ctx, "kafka.tools.StorageTool", "format", "-t", k.ID, "-c", filepath.Join(k.Nodes[0].dir, "server.properties"), "--ignore-formatted")
	k.must(err)
	k.Config = map[string]string{"initial.broker.registration.timeout.ms": "5000"}
	k.must(k.Launch(k.ctx, 0))
	k.wantEnd(0, "INCONSISTENT_CLUSTER_ID")
	k.wantFound("one is the disk of another cluster", own, wrong)
	k.row("4.4", "the disk of an earlier cluster of that name", "-",
		"the claim is refused; by hand: the broker is turned away (INCONSISTENT_CLUSTER_ID) and ends, verify names both clusters")
}

// wantEnd waits until a node has ended by itself, with that in its log.
func (k *kafka) wantEnd(id int, words string) {
	k.Helper()
	k.must(k.Eventually(k.ctx, func(context.Context) error {
		if !k.Nodes[id].Ended() {
			return fmt.Errorf("node %d runs on a disk that is not its own", id)
		}
		return nil
	}))
	if log := k.Nodes[id].Log(); !strings.Contains(log, words) {
		k.Errorf("%q is expected of node %d:\n%s", words, id, tail(log, 40))
	}
}

// wantFound says what verify finds about log dirs that do not belong together.
func (k *kafka) wantFound(problem string, dirs ...string) {
	k.Helper()
	broker, err := logdir.ReadBroker(k.ctx, dirs...)
	k.must(err)
	if broker.Sound() || !strings.Contains(strings.Join(broker.Problems, "\n"), problem) {
		k.Errorf("%q is expected of verify: %v", problem, broker.Problems)
	}
	if moves, err := broker.SetAside(); !errors.Is(err, logdir.ErrMixed) {
		k.Errorf("verify --set-aside of log dirs that do not belong together: %v, %v", moves, err)
	}
}
