package apachekafka

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

var plugin = sync.OnceValues(func() (string, error) {
	return cluster.Build(context.Background(), ".", "./cmd/kubectl-snapback", "kubectl-snapback")
})

// typed runs the plugin, and returns all that it prints and whether it succeeded.
func (k *kafka) typed(args ...string) (said string, ok bool) {
	k.Helper()
	program, err := plugin()
	k.must(err)
	var out bytes.Buffer
	cmd := exec.CommandContext(k.ctx, program, append(args, "-n", k.Namespace, "--kubeconfig", k.k8s.Kubeconfig())...)
	cmd.Stdout, cmd.Stderr = &out, &out
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		k.Fatalf("%v: %v", args, err)
	}
	return out.String(), cmd.ProcessState.ExitCode() == 0
}

// restore runs "kubectl snapback restore", asking Kafka at that address.
func (k *kafka) restore(bootstrap string, args ...string) (said string, ok bool) {
	k.Helper()
	return k.typed(append([]string{"restore", "kafka", "--yes", "--timeout", "3m", "--bootstrap-servers", bootstrap}, args...)...)
}

// claims are the UIDs of the cluster's claims.
func (k *kafka) claims() (uids []types.UID) {
	k.Helper()
	var list corev1.PersistentVolumeClaimList
	k.must(k.api.List(k.ctx, &list, client.InNamespace(k.Namespace)))
	for _, pvc := range list.Items {
		uids = append(uids, pvc.UID)
	}
	return uids
}

// twoBrokers is a partition on brokers 0 and 1, of which 5,000 records are in the
// snapshots and 300 MB are not.
func twoBrokers(t *testing.T) (k *kafka, records int) {
	t.Helper()
	const before, after, size = 5_000, 300_000, 1000
	k = start(t, Options{Nodes: Brokers(3)})
	k.must(k.CreateTopic(k.ctx, "t", nil, []int32{0, 1}))
	k.operate(0, 1, 2)
	k.produce("t", 0, 0, before)
	k.snapshot()
	p, err := k.Produce(k.ctx, Numbered("t", 0, before, after, size), kgo.ProducerBatchCompression(kgo.NoCompression()))
	k.must(err)
	if p.Acknowledged != after {
		t.Fatalf("%d of %d records acknowledged: %v", p.Acknowledged, after, p.Failed)
	}
	return k, before + after
}

// TestRestoreTwoBrokers is 8.1: the second is left alone until the first is in
// sync, although its pod is Ready at once.
func TestRestoreTwoBrokers(t *testing.T) {
	k, records := twoBrokers(t)
	said, ok := k.restore(k.Nodes[2].Addr(), "--broker", "0", "--broker", "1")
	if !ok {
		t.Fatal(said)
	}
	for id := range 2 {
		if pvc, err := k.Claimed(k.ctx, id, 0); err != nil || pvc.Spec.DataSource == nil {
			t.Errorf("broker %d is not restored: %v", id, err)
		}
	}
	k.must(k.InSync(k.ctx, "t", 0, 2))
	k.wantRecords("t", 0, 0, records)
	k.row("8.1", "RF 2: both brokers restored by one `kubectl snapback restore`", "5000 + 300000", "all 305000: the second one is taken away when the first is in sync")
}

// TestRestoreUnasked is 8.2: without Kafka's word, one broker a command.
func TestRestoreUnasked(t *testing.T) {
	k, records := twoBrokers(t)
	before := k.claims()
	said, ok := k.restore(loopback(1), "--broker", "0", "--broker", "1")
	if ok || !strings.Contains(said, "one broker") {
		t.Errorf("it should be refused:\n%s", said)
	}
	if after := k.claims(); !equalSets(before, after) {
		t.Errorf("claims were %v, and are %v", before, after)
	}
	k.wantRecords("t", 0, 0, records)
	k.row("8.2", "the same, where Kafka cannot be asked", "5000 + 300000", "all 305000: refused, one broker a command")
}

// TestRestoreOnlyReplica is 8.3: what nobody else has is named, and a person must
// name the broker to let it go.
func TestRestoreOnlyReplica(t *testing.T) {
	k := start(t, Options{Nodes: Brokers(2)})
	k.must(k.CreateTopic(k.ctx, "alone", nil, []int32{0}))
	k.must(k.CreateTopic(k.ctx, "both", nil, []int32{0, 1}))
	k.operate(0, 1)
	k.produce("alone", 0, 0, 1000)
	k.produce("both", 0, 0, 1000)
	run := k.snapshot()
	k.produce("alone", 0, 1000, 200)
	k.produce("both", 0, 1000, 200)
	before := k.claims()
	said, ok := k.restore(k.Nodes[1].Addr(), "--broker", "0")
	if ok || !strings.Contains(said, "alone-0") || strings.Contains(said, "both-0") || !strings.Contains(said, "--accept-loss") {
		t.Errorf("it should be blocked, and name alone-0:\n%s", said)
	}
	if after := k.claims(); !equalSets(before, after) {
		t.Errorf("claims were %v, and are %v", before, after)
	}
	if said, ok = k.restore(k.Nodes[1].Addr(), "--broker", "0", "--accept-loss", "0"); !ok {
		t.Fatal(said)
	}
	k.wantRestored(0, 0, run)
	k.must(k.InSync(k.ctx, "both", 0, 2))
	k.wantRecords("alone", 0, 0, 1000)
	k.wantRecords("both", 0, 0, 1200)
	k.row("8.3", "RF 1 and RF 2: a healthy broker restored with `--accept-loss`", "1000 + 200 each", "1000 of the partition that it alone had, which the plan named before; 1200 of the other")
}

func equalSets(a, b []types.UID) bool {
	seen := map[types.UID]bool{}
	for _, uid := range a {
		seen[uid] = true
	}
	for _, uid := range b {
		if !seen[uid] {
			return false
		}
	}
	return len(a) == len(b)
}
