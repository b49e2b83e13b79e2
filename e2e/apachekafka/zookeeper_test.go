package apachekafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
)

// servers are the nodes of WithZooKeeper that are ZooKeeper's.
var servers = []int{firstZooKeeper, firstZooKeeper + 1, firstZooKeeper + 2}

// TestZooKeeperLost loses one server of ZooKeeper of three, which learns from
// the others, and then all: ZooKeeper never comes back empty beside its
// brokers.
func TestZooKeeperLost(t *testing.T) {
	k := start(t, Options{Shape: Strimzi, Nodes: WithZooKeeper(2)})
	k.must(k.CreateTopic(k.ctx, "t", nil, []int32{0, 1}))
	k.produce("t", 0, 0, 1000)
	run := k.snapshot()
	k.produce("t", 0, 1000, 200)
	lost := k.zooKeeperLeader(servers...) // so that there is an election after the snapshot
	k.must(k.Lose(k.ctx, lost))
	k.wantNoSource(lost)
	k.wantWarning(lost, "is the volume of a ZooKeeper server and starts empty: the majority of its quorum is there")
	k.must(k.Recover(k.ctx, lost))
	next := k.zooKeeperLeader(servers...)
	k.Kill(next)
	var left []int
	for _, id := range servers {
		if id != next {
			left = append(left, id)
		}
	}
	k.zooKeeperLeader(left...) // with the vote of the one that was empty
	k.must(k.Start(k.ctx, next))
	k.zooKeeperLeader(servers...)
	k.must(k.InSync(k.ctx, "t", 0, 2))
	k.wantRecords("t", 0, 0, 1200)
	k.row("7.1", "one of three servers of ZooKeeper", "1000 + 200", "all 1200; it starts empty and learns from the others")

	k.must(k.CreateTopic(k.ctx, "later", nil, []int32{0, 1})) // brokers have seen more now than ZooKeeper will know
	k.loseAll(servers...)
	k.wantRefused(lost, "holds votes of the quorum")
	k.annotate(v1alpha1.AnnotationRestoreQuorum, "true")
	for _, id := range servers {
		k.wantAnswer(id, run)
	}
	before := k.turnedAway()
	k.must(k.Recover(k.ctx, servers...))
	for _, id := range servers {
		k.wantRestored(id, 0, run)
	}
	k.must(k.Eventually(k.ctx, func(context.Context) error {
		if k.turnedAway() == before {
			return errors.New("ZooKeeper has turned no broker away that has seen more than it knows")
		}
		return nil
	}))
	k.Kill(0, 1)
	k.restart(0, 1)
	k.must(k.InSync(k.ctx, "t", 0, 2))
	k.wantRecords("t", 0, 0, 1200)
	k.produce("t", 0, 1200, 10)
	k.row("7.2", "all servers of ZooKeeper, the brokers intact", "1000 + 200",
		"the claims are refused; with restore-quorum \"true\" and the brokers started again all 1200")

	k.Kill(0, 1)
	k.loseAll(servers...)
	k.annotate(v1alpha1.AnnotationRestoreQuorum, "empty")
	for _, id := range servers {
		k.wantNoSource(id)
	}
	k.must(k.Recover(k.ctx, servers...))
	k.must(k.Launch(k.ctx, 0, 1))
	k.wantEnd(0, "Invalid cluster.id")
	k.wantEnd(1, "Invalid cluster.id")
	k.row("7.3", "the same, with restore-quorum \"empty\"", "1210", "no broker starts (\"Invalid cluster.id\"): this is what the refusal is for")
}

// zooKeeperLeader is the server that leads, once all of them serve and have as
// many nodes.
func (k *kafka) zooKeeperLeader(ids ...int) (leader int) {
	k.Helper()
	k.must(k.Eventually(k.ctx, func(context.Context) error {
		leader = -1
		nodes := ""
		for _, id := range ids {
			s, err := k.Nodes[id].served()
			if err != nil {
				return err
			}
			if s.leads {
				leader = id
			}
			if nodes != "" && s.nodes != nodes {
				return fmt.Errorf("ZooKeeper %d has %s nodes, another %s", id, s.nodes, nodes)
			}
			nodes = s.nodes
		}
		if leader < 0 {
			return fmt.Errorf("no ZooKeeper of %v leads", ids)
		}
		return nil
	}))
	return leader
}

// turnedAway counts how often ZooKeeper has turned a broker away that has seen a
// later change than it knows.
func (k *kafka) turnedAway() (n int) {
	for _, id := range servers {
		n += strings.Count(k.Nodes[id].Log(), "client must try another server")
	}
	return n
}

// restart starts brokers until they stay, as the kubelet does: one ends while
// ZooKeeper remembers its previous life.
func (k *kafka) restart(ids ...int) {
	k.Helper()
	for _, id := range ids {
		k.must(k.Eventually(k.ctx, func(ctx context.Context) error { return k.Start(ctx, id) }))
	}
}

// wantWarning says what the claim of a lost disk is warned of.
func (k *kafka) wantWarning(id int, words string) {
	k.Helper()
	var heard warnings
	config := rest.CopyConfig(k.k8s.Config)
	config.WarningHandlerWithContext, config.WarningHandler = nil, &heard
	api, err := cluster.NewClient(config)
	k.must(err)
	k.must(api.Create(k.ctx, k.Claim(id, 0), client.DryRunAll))
	if !strings.Contains(strings.Join(heard, "\n"), words) {
		k.Errorf("%q is expected among the warnings: %q", words, heard)
	}
}

// warnings are those of the apiserver.
type warnings []string

func (w *warnings) HandleWarningHeader(_ int, _, text string) { *w = append(*w, text) }
