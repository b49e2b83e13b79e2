package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// koperatorWorld has Koperator's brokers 0 to n-1.
func koperatorWorld(t *testing.T, n int, optedIn bool) (*kafkaWorld, []*snapshotstest.Claim) {
	t.Helper()
	w := newKafkaWorld(t, "kafka", optedIn)
	var claims []*snapshotstest.Claim
	for id := range n {
		claim := snapshotstest.KoperatorClaim("kafka", id, "/kafka-logs")
		claims = append(claims, claim)
		w.claims[fmt.Sprintf("kafka-%d", id)] = claim
	}
	return w, claims
}

// fill waits for the claims and writes to their volumes.
func (w *kafkaWorld) fill(t *testing.T, claims []*snapshotstest.Claim) (written []map[string]string) {
	t.Helper()
	for _, claim := range claims {
		written = append(written, writeLogDir(t, boundDir(t, w.claim(t, claim))))
	}
	return written
}

// holds compares the content of a claim's volume with what it must be.
func (w *kafkaWorld) holds(t *testing.T, claim *snapshotstest.Claim, want map[string]string) {
	t.Helper()
	if got := checksums(t, boundDir(t, w.claim(t, claim))); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("log dir of %s%s after the restore:\n%v\nwant:\n%v", claim.Obj().Name, claim.Obj().GenerateName, got, want)
	}
}

// carriedOut checks that a restore was.
func (p printed) carriedOut(t *testing.T) {
	t.Helper()
	if p.code != 0 || !strings.Contains(p.out, "\nRestored claim ") {
		t.Fatalf("exit code %d\n%s%s", p.code, p.out, p.err)
	}
}

// TestPluginRestoreBroker restores one of Koperator's brokers to its newest
// snapshot.
func TestPluginRestoreBroker(t *testing.T) {
	t.Parallel()
	w, claims := koperatorWorld(t, 3, true)
	w.play(t)
	w.fill(t, claims)
	w.run(t, 3)
	written := w.fill(t, claims)
	run := w.run(t, 3)
	w.fill(t, claims[2:]) // this is lost
	lost, other := w.claim(t, claims[2]), w.claim(t, claims[1])
	newest := ""
	for _, vs := range w.snapshots(t.Context(), run) {
		if *vs.Spec.Source.PersistentVolumeClaimName == lost.Name {
			newest = vs.Name
		}
	}
	p := w.restore(t, "kafka", "--broker", "2", "--dry-run")
	golden(t, "restore-plan-broker", p.out+p.err, newest, "SNAPSHOT", lost.Name, "CLAIM", run, "RUN", w.namespace, "NAMESPACE", lost.Spec.VolumeName, "VOLUME",
		w.claim(t, claims[0]).Name, "CLAIM-0", other.Name, "CLAIM-1")
	if p := w.restore(t, "kafka", "--broker", "2"); p.code != 1 || !strings.HasPrefix(p.err, "error: standard input is not a terminal") {
		t.Errorf("nobody there: exit code %d\n%s", p.code, p.err)
	}
	w.unpinned(t)

	p = w.restore(t, "kafka", "--broker", "2", "-y")
	p.carriedOut(t)
	if !strings.Contains(p.err, "the webhook was asked in a dry run about 1 claim, and nothing speaks against it\n") {
		t.Errorf("the webhook was not asked:\n%s", p.err)
	}
	again := w.claim(t, claims[2])
	if again.UID == lost.UID || again.Annotations[v1alpha1.AnnotationRestoredFrom] != newest {
		t.Errorf("claim %s is restored from %q, want %s", again.Name, again.Annotations[v1alpha1.AnnotationRestoredFrom], newest)
	}
	w.holds(t, claims[2], written[2])
	if untouched := w.claim(t, claims[1]); untouched.UID != other.UID {
		t.Error("another broker's claim was replaced, too")
	}
	w.unpinned(t)
}

// notAsked is why Kafka cannot be asked where no operator and no Service says where
// brokers listen.
const notAsked = "no Kafka of Strimzi and no KafkaCluster of Koperator with the name of clusterRef has listeners in its status: set spec.kafka.bootstrapServers; " +
	"or pass --bootstrap-servers with addresses that this machine reaches"

// TestPluginRestoreBrokers restores two brokers: one a command, and the second
// one not before the first is restored. Then it is said that the first may not
// be in sync.
func TestPluginRestoreBrokers(t *testing.T) {
	t.Parallel()
	w, claims := koperatorWorld(t, 2, true)
	w.play(t)
	written := w.fill(t, claims)
	w.run(t, 2)
	first, second := w.claim(t, claims[1]), w.claim(t, claims[0])
	command := func(broker string) string {
		return "kubectl snapback restore kafka -n " + w.namespace + " --broker " + broker
	}
	w.restore(t, "kafka", "--broker", "1", "--broker", "0", "-y").fails(t, "restore one broker a command, since Kafka cannot be asked ("+notAsked+"): a Ready pod says that a broker runs, not that it has caught up, and "+
		"acknowledged records are lost when the next one is taken away before that. Run the next command only when "+
		"kafka-topics.sh --bootstrap-server BROKER:9092 --describe --under-replicated-partitions lists nothing: "+command("1")+"; then "+command("0"))
	w.unpinned(t)

	w.mu.Lock()
	w.unfit["kafka-1"] = true
	w.mu.Unlock()
	plugin := w.startRestore(t, "kafka", "--broker", "1", "--broker", "1", "-y")
	eventually(t, func(context.Context) error {
		if said := plugin.err.String(); !strings.Contains(said, "waiting: pod kafka-1 is not Ready yet") {
			return fmt.Errorf("it does not wait for broker 1: %s", said)
		}
		return nil
	})
	p := w.restore(t, "kafka", "--broker", "0", "-y")
	if p.code != 1 || !strings.Contains(p.out, "another restore, broker/1, was begun and is not finished: finish it with "+command("1")) {
		t.Errorf("broker 0 meanwhile: exit code %d\n%s%s", p.code, p.out, p.err)
	}
	w.mu.Lock()
	w.unfit["kafka-1"] = false
	w.mu.Unlock()
	if err := plugin.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, plugin.err.String())
	}
	again := w.claim(t, claims[1])
	if again.UID == first.UID || w.claim(t, claims[0]).UID != second.UID {
		t.Error("broker 1's claim was not replaced, or broker 0's was")
	}

	p = w.restore(t, "kafka", "--broker", "0", "-y")
	p.carriedOut(t)
	if want := "these may not be in sync yet: broker 1 (claim " + again.Name + ", restored from VolumeSnapshot " + again.Spec.DataSource.Name; !strings.Contains(p.out, want) {
		t.Errorf("the plan does not say: %s\n%s", want, p.out)
	}
	w.holds(t, claims[0], written[0])
	w.holds(t, claims[1], written[1])
	w.unpinned(t)
}

// TestPluginRestoreInterrupted kills the plugin when the claim is gone and
// nobody has made it again. The same command goes on.
func TestPluginRestoreInterrupted(t *testing.T) {
	t.Parallel()
	w, claims := koperatorWorld(t, 1, true)
	var down atomic.Bool
	w.stopped, w.podsToo = func(context.Context) bool { return down.Load() }, true
	w.play(t)
	written := w.fill(t, claims)
	w.run(t, 1)
	down.Store(true)
	before := w.claim(t, claims[0])
	plugin := w.startRestore(t, "kafka", "--broker", "0", "-y")
	eventually(t, func(ctx context.Context) error {
		err := w.Get(ctx, client.ObjectKeyFromObject(before), &corev1.PersistentVolumeClaim{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("claim %s is still there: %w", before.Name, err)
		}
		return nil
	})
	plugin.kill(t)
	p := w.restore(t, "kafka", "--broker", "0", "--dry-run")
	if p.code != 0 || !strings.Contains(p.out, " gone ") {
		t.Errorf("the plan of what is left: exit code %d\n%s%s", p.code, p.out, p.err)
	}
	down.Store(false)
	made := w.claim(t, claims[0])
	w.restore(t, "kafka", "--broker", "0", "-y").carriedOut(t)
	if again := w.claim(t, claims[0]); again.UID != made.UID {
		t.Error("what was restored already was restored once more")
	}
	w.holds(t, claims[0], written[0])
	w.unpinned(t)
}

// TestPluginRestoreRefused has restores that are refused before anything changes.
func TestPluginRestoreRefused(t *testing.T) {
	t.Parallel()
	w, claims := koperatorWorld(t, 2, false)
	w.play(t)
	w.fill(t, claims)
	run := w.run(t, 2)
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{"--broker", "0", "--from-run", run}, "a point in time of one broker of several is refused: as a follower it is brought up to date again by replication, " +
			"as a leader its old data would replace what its peers have: take all of them back together with --all (brokers: 0, 1)"},
		{[]string{"--all"}, "--all takes the whole cluster back to one run: say which with --from-run or --before; a broker is restored to its newest snapshot by name, with --broker"},
		{nil, "say what to restore: --broker N to its newest snapshot, or --all with --from-run or --before"},
		{[]string{"--broker", "7"}, `no broker "7", there are: 0, 1`},
		{[]string{"--all", "--from-run", "20010101-000000"}, `there is no run "20010101-000000"; complete runs: ` + run},
		{[]string{"--all", "--before", "2001-01-01T00:00:00Z"}, "no run whose last disk was cut at or before 2001-01-01T00:00:00Z has a ready snapshot of every volume; complete runs: " + run},
		{[]string{"--all", "--before", "noon"}, `--before "noon": must be a time such as 2026-02-21T19:05:33Z`},
	} {
		w.restore(t, append([]string{"kafka", "-y"}, test.args...)...).fails(t, test.says)
	}
	p := w.restore(t, "kafka", "--broker", "1", "-y")
	if p.code != 1 || !strings.Contains(p.out, "it is not opted in, and would start EMPTY: annotate the KafkaBackup of cluster kafka with snapback.dev/restore=latest") {
		t.Errorf("not opted in: exit code %d\n%s%s", p.code, p.out, p.err)
	}
	gone := w.snapshots(t.Context(), run)[0]
	if err := w.Delete(t.Context(), &gone); err != nil {
		t.Fatal(err)
	}
	slot := gone.Annotations[v1alpha1.AnnotationSlot]
	w.restore(t, "--all", "--from-run", run, "-y").fails(t, "run "+run+" has no ready snapshot of "+slot+"; no run is complete")
	w.unpinned(t)
}
