package apachekafka

import (
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// What a broker tells the controllers that decides who leads: in which log dir
// (directory.id) its replicas are, and that it is there and wants to join.
const (
	assignDirs = kmsg.AssignReplicasToDirs
	heartbeats = kmsg.BrokerHeartbeat
)

// TestEmptySoleReplica has the only replica come back empty. Its log dir is a
// new one then: the controllers elect it if they hear of that before the
// broker joins, and do not if after.
func TestEmptySoleReplica(t *testing.T) {
	for name, elr := range map[string]struct {
		feature string
		inSync  []int32 // replicas of a partition without a leader
	}{"elr": {elrOn, []int32{}}, "no elr": {elrOff, []int32{0}}} {
		t.Run(name, func(t *testing.T) {
			k := start(t, Options{Nodes: Brokers(1), Feature: elr.feature})
			k.must(k.CreateTopic(k.ctx, "t", nil, []int32{0}))
			k.produce("t", 0, 0, 1000)
			run := k.snapshot()
			quorum := k.Nodes[100].proxy

			k.annotate(v1alpha1.AnnotationRestore, "off")
			k.must(k.Lose(k.ctx, 0))
			k.wantNoSource(0)
			joined := quorum.hold(heartbeats)
			assigned := quorum.hold(assignDirs)
			assigned.open()
			k.must(k.CreateClaims(k.ctx, 0))
			k.must(k.Launch(k.ctx, 0))
			k.answered(assigned)
			joined.open()
			k.must(k.ready(k.ctx, 0))
			k.wantRecords("t", 0)
			k.produce("t", 0, 5000, 10)
			k.wantRecords("t", 0, 5000, 5010)
			k.row("1.2", "RF 1: its broker, not opted in", "1000", "0; it leads at offset 0, without an error")

			assigned = quorum.hold(assignDirs)
			k.must(k.Lose(k.ctx, 0))
			k.must(k.Recover(k.ctx, 0))
			k.leaderless(assigned, "later", elr.inSync)
			k.Kill(0) // any broker that joins makes the controllers look again
			k.must(k.Start(k.ctx, 0))
			k.wantLeader("t", 0, 0)
			k.wantRecords("t", 0)
			k.row("1.3", "the same, but it joins before the controllers hear of its new log dir", "1000", "no leader, until any broker starts: then 0")

			k.annotate(v1alpha1.AnnotationRestore, "latest")
			assigned = quorum.hold(assignDirs)
			k.must(k.Lose(k.ctx, 0))
			k.wantAnswer(0, run)
			k.must(k.Recover(k.ctx, 0))
			k.leaderless(assigned, "last", elr.inSync)
			k.documented(0, "--election-type preferred", "T", "t")
			k.wantLeader("t", 0, 0)
			k.wantRecords("t", 0, 0, 1000)
			k.row("1.4", "the same, restored after it had been up empty", "1000", "no leader, until one is elected: then 1000")
		})
	}
}

// answered waits until a request that was held has been answered.
func (k *kafka) answered(h *hold) {
	k.Helper()
	select {
	case <-h.answered:
	case <-k.ctx.Done():
		k.Fatal("the broker has not asked what was expected of it")
	}
}

// leaderless lets the controllers hear of a log dir after its broker has
// joined. The partition must have no leader before and after that.
func (k *kafka) leaderless(assigned *hold, later string, inSync []int32) {
	k.Helper()
	wantNone := func(when string) {
		k.Helper()
		d, err := k.Partition(k.ctx, "t", 0)
		k.must(err)
		if d.Leader != -1 || !slices.Equal(d.ISR, inSync) {
			k.Errorf("%s the controllers hear of the log dir: t-0 is led by %d and in sync on %v, none and %v are expected", when, d.Leader, d.ISR, inSync)
		}
	}
	wantNone("before")
	assigned.open()
	k.answered(assigned)
	k.must(k.CreateTopic(k.ctx, later, nil, []int32{0})) // what is described after it is not older
	wantNone("after")
	if out := k.documented(0, "kafka-topics --bootstrap-server ... --describe --topic", "T", "t"); !strings.Contains(out, "Leader: none") {
		k.Errorf("t-0 should show as without a leader:\n%s", out)
	}
}
