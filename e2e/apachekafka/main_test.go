package apachekafka

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

var shared = &cluster.Shared{Options: cluster.Options{Snapback: true}}

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	if err := Missing(context.Background()); os.Getenv(asked) != "" && err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := shared.Stop(m.Run())
	if err := table.print(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// asked is set by "make e2e-kafka": without it these tests are skipped.
const asked = "SNAPBACK_E2E_KAFKA"

var (
	install       = sync.OnceValues(func() (*Install, error) { return Find(context.Background()) })
	withZooKeeper = sync.OnceValues(func() (*Install, error) { return FindZooKeeper(context.Background()) })
)

// kafka is one Kafka cluster of a test, with its backup.
type kafka struct {
	*testing.T
	*Cluster
	ctx context.Context
	api client.Client
	kb  *v1alpha1.KafkaBackup
}

// start starts a Kafka cluster in a namespace of its own, opted in to
// restores. Nothing is backed up until a run is asked for.
func start(t *testing.T, options Options) *kafka {
	t.Helper()
	if os.Getenv(asked) == "" {
		t.Skip("needs Java and minutes: run \"make e2e-kafka\"")
	}
	t.Parallel()
	i, err := install()
	if options.Nodes != nil && options.Nodes[0].Role == ZooKeeper {
		i, err = withZooKeeper()
	}
	if err != nil {
		t.Fatal(err)
	}
	k8s := shared.Get(t)
	api, err := cluster.NewClient(k8s.Config)
	if err != nil {
		t.Fatal(err)
	}
	k := &kafka{T: t, ctx: t.Context(), api: api}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "kafka-"}}
	k.must(api.Create(k.ctx, ns))
	// Nothing but the tests' own runs: the next one is a year away at most.
	kb := snapshotstest.NewBackup("asked", "kafka", cluster.SnapshotClass).In(ns.Name).Schedule("@yearly").
		Annotate(v1alpha1.AnnotationRestore, "latest")
	k.kb = kb.Obj()
	k.must(api.Create(k.ctx, k.kb))
	options.Namespace = ns.Name
	k.Cluster, err = New(k.ctx, i, k8s, options)
	t.Cleanup(k.close)
	k.must(err)
	return k
}

// beside starts a second Kafka cluster, which is not backed up.
func (k *kafka) beside(options Options) *kafka {
	k.Helper()
	other := &kafka{T: k.T, ctx: k.ctx, api: k.api}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "beside-"}}
	k.must(k.api.Create(k.ctx, ns))
	options.Namespace = ns.Name
	var err error
	other.Cluster, err = New(k.ctx, k.install, k.k8s, options)
	k.Cleanup(other.close)
	k.must(err)
	return other
}

// close keeps the nodes' logs of a test that has failed, if anybody wants
// them: see cluster.Start.
func (k *kafka) close() {
	if dir := os.Getenv("SNAPBACK_E2E_LOGS"); dir != "" && k.Failed() {
		for id, n := range k.Nodes {
			file := fmt.Sprintf("%s/%s-node-%d.log", dir, strings.ReplaceAll(k.Name(), "/", "-"), id)
			if err := os.WriteFile(file, []byte(n.Log()), 0o644); err != nil {
				k.Log(err)
			}
		}
	}
	k.Cluster.Close()
}

func (k *kafka) must(err error) {
	k.Helper()
	if err != nil {
		k.Fatal(err)
	}
}

// snapshot asks for a run, waits until all its snapshots are ready, and
// returns the time that it was scheduled for.
func (k *kafka) snapshot() time.Time {
	k.Helper()
	at, err := k.BackUp(k.ctx, k.kb)
	k.must(err)
	return at
}

// annotate sets an annotation of the KafkaBackup; it is in force when this
// returns, as far as the webhook's cache is concerned a moment later.
func (k *kafka) annotate(key, value string) {
	k.Helper()
	k.must(k.Annotate(k.ctx, k.kb, key, value))
}

// produce writes n numbered records of 100 bytes to a partition, all of which must be
// acknowledged.
func (k *kafka) produce(topic string, partition int32, first, n int) {
	k.Helper()
	p, err := k.Produce(k.ctx, Numbered(topic, partition, first, n, 100))
	k.must(err)
	if p.Acknowledged != n {
		k.Fatalf("%d of %d records acknowledged: %v", p.Acknowledged, n, p.Failed)
	}
}

// wantRecords reads a partition and compares the records' numbers: the ranges
// are [first, end) pairs, in the order of the log.
func (k *kafka) wantRecords(topic string, partition int32, ranges ...int) {
	k.Helper()
	records, err := k.Consume(k.ctx, topic, partition)
	k.must(err)
	var want []int
	for i := 0; i < len(ranges); i += 2 {
		for n := ranges[i]; n < ranges[i+1]; n++ {
			want = append(want, n)
		}
	}
	if got := Numbers(records); !slices.Equal(got, want) {
		k.Fatalf("%s-%d has %d records (%s), %d expected (%s)", topic, partition, len(got), span(got), len(want), span(want))
	}
}

// span is a short text for a list of numbers.
func span(numbers []int) string {
	var parts []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		parts = append(parts, fmt.Sprintf("%d..%d", numbers[i], numbers[j]))
		i = j + 1
	}
	if len(parts) > 6 {
		parts = append(parts[:6], "...")
	}
	return strings.Join(parts, " ")
}

// wantRestored says of which snapshot's run a disk's claim was made.
func (k *kafka) wantRestored(id, disk int, run time.Time) {
	k.Helper()
	pvc, err := k.Claimed(k.ctx, id, disk)
	k.must(err)
	from := pvc.Annotations[v1alpha1.AnnotationRestoredFrom]
	if !strings.Contains(from, run.Format("20060102-150405")) {
		k.Fatalf("disk %d of node %d is restored from %q, the run of %s is expected", disk, id, from, run)
	}
}

// results are the lines that the tests print for docs/restoring-kafka.md.
type results struct {
	sync.Mutex
	lines map[string]string
}

var table = &results{lines: map[string]string{}}

// row adds a line: what happened, the records acknowledged before the snapshot
// and after it until the loss, and what is there in the end. It must be in
// docs/restoring-kafka.md.
func (k *kafka) row(number, what, acknowledged, found string) {
	k.Helper()
	table.Lock()
	defer table.Unlock()
	row := fmt.Sprintf("| %s | %s | %s | %s |", number, what, acknowledged, found)
	k.wantRow(row)
	table.lines[number] = row
}

// print prints the table. If all tests were run, the error names the lines that
// only docs/restoring-kafka.md has.
func (r *results) print() error {
	r.Lock()
	defer r.Unlock()
	if len(r.lines) == 0 {
		return nil
	}
	fmt.Printf("\nApache Kafka %s, with ZooKeeper %s\n| no. | lost | acknowledged | after the restore |\n| --- | --- | --- | --- |\n", Version, ZooKeeperVersion)
	for _, number := range slices.Sorted(maps.Keys(r.lines)) {
		fmt.Println(r.lines[number])
	}
	for _, use := range peaks.lines() {
		fmt.Println(use)
	}
	for _, filter := range []string{"test.run", "test.skip"} {
		if f := flag.Lookup(filter); f != nil && f.Value.String() != "" {
			return nil
		}
	}
	missing, err := unseen(r.lines)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("%s has what no test has seen:\n%s", page, strings.Join(missing, "\n"))
	}
	return err
}
