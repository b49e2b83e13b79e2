package main_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// memoryLimit is the webhook container's, in manifests/base/deployment.yaml.
const memoryLimit = 512 << 20

// TestHostileNeighbour has a tenant write as much as an apiserver takes into
// what the webhook reads, and ask for claims without a break. Another's are
// answered, and the process stays within its container's memory.
func TestHostileNeighbour(t *testing.T) {
	k := shared.Get(t)
	c := apiClient(t, k)
	setCA(t, c, authority(t, k))
	quiet, busy, hostile := newNamespace(t, c, nil), newNamespace(t, c, nil), newNamespace(t, c, nil)
	host, port := serviceAddress(t, k)
	start := func() *process {
		w := run(t, "webhook", "--kubeconfig="+kubeconfig(t, account(t, k)), "--host="+host, "--port="+port, "--cert-dir="+k.Dir+"/webhook")
		w.awaitReady()
		awaitAnswers(t, c)
		return w
	}
	first := start()
	alone, ordinary := answers(t, c, quiet, 300), answersBeside(t, c, quiet, busy)
	writeHostile(t, c, hostile)
	first.stop()
	first.awaitEnd()
	w := start() // it finds all of it
	beside, under := answers(t, c, quiet, 300), answersBeside(t, c, quiet, hostile)
	most := residentMost(t, w.cmd.Process.Pid)
	t.Logf("p50 and p99 of a namespace's claims: %s; beside what a tenant wrote: %s; while another asks for claims: %s; while the tenant does: %s; resident: at most %d MB",
		alone, beside, ordinary, under, most>>20)
	if most > memoryLimit {
		t.Errorf("%d MB are more than the container may have", most>>20)
	}
}

// answersBeside is [answers] while claims of another namespace are asked for
// without a break.
func answersBeside(t *testing.T, c client.Client, namespace, other string) took {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var tenants errgroup.Group
	for range 4 {
		tenants.Go(func() error { // what is answered to it is its own affair
			for ctx.Err() == nil {
				_ = dryRun(ctx, c, other)
			}
			return nil
		})
	}
	defer tenants.Wait() //nolint:errcheck // its functions return nil
	defer stop()
	return answers(t, c, namespace, 300)
}

func dryRun(ctx context.Context, c client.Client, namespace string) error {
	claim := snapshotstest.StrimziClaim("kafka", "broker", 0, 0).In(namespace).Class(cluster.StorageClass)
	return c.Create(ctx, claim.Obj(), client.DryRunAll)
}

// took are the median and the 99th percentile of some answers.
type took struct{ p50, p99 time.Duration }

func (a took) String() string {
	return fmt.Sprintf("%s and %s", a.p50.Round(100*time.Microsecond), a.p99.Round(100*time.Microsecond))
}

// answers asks for claims, one after another; none may be refused.
func answers(t *testing.T, c client.Client, namespace string, n int) took {
	t.Helper()
	all := make([]time.Duration, n)
	for i := range all {
		start := time.Now()
		if err := dryRun(t.Context(), c, namespace); err != nil {
			t.Fatal(err)
		}
		all[i] = time.Since(start)
	}
	slices.Sort(all)
	return took{all[n/2], all[n*99/100]}
}

// writeHostile fills a namespace with ConfigMaps that are large or expensive to
// parse, and with snapshots that have long annotations.
func writeHostile(t *testing.T, c client.Client, namespace string) {
	t.Helper()
	var all []client.Object
	for i := range 200 {
		spec := "clusterRef: kafka\nvolumeSelector: {matchExpressions: [{key: a, operator: In, values: [" + strings.Repeat("a,", 8000) + "a]}]}\n"
		if i%10 == 0 {
			spec += strings.Repeat("- ", 440_000)
		}
		all = append(all, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("hostile-%d", i), Labels: map[string]string{v1alpha1.LabelConfigMap: "true"}},
			Data:       map[string]string{"spec": spec},
		})
	}
	for i := range 1000 {
		claim := snapshotstest.StrimziClaim("kafka", "broker", i, 0).In(namespace)
		backup := snapshotstest.NewBackup("hourly", "kafka", "none").In(namespace)
		key := []string{v1alpha1.AnnotationRestore, v1alpha1.AnnotationBroker, v1alpha1.AnnotationStartEmptyUntil}[i%3]
		vs := snapshotstest.NewSnapshot(claim, backup, "csi.example.com", time.Now()).Annotate(key, strings.Repeat(fmt.Sprintf("%06d", i), 20_000)).Obj()
		vs.UID = ""
		all = append(all, vs)
	}
	t.Cleanup(func() {
		for _, kind := range []client.Object{&corev1.ConfigMap{}, &snapshotv1.VolumeSnapshot{}} {
			// In one request it is more than a busy apiserver does within its minute.
			if err := cluster.Eventually(context.Background(), 5*time.Minute, func(ctx context.Context) error {
				return c.DeleteAllOf(ctx, kind, client.InNamespace(namespace))
			}); err != nil {
				t.Errorf("delete what the tenant wrote: %v", err)
			}
		}
	})
	var group errgroup.Group
	group.SetLimit(8)
	for _, o := range all {
		group.Go(func() error { return cluster.Create(t.Context(), c, o, patience) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

// residentMost is the most memory that a process has had, in bytes.
func residentMost(t *testing.T, pid int) int64 {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kB int64
		if n, _ := fmt.Sscanf(lines.Text(), "VmHWM: %d kB", &kB); n == 1 {
			return kB << 10
		}
	}
	t.Fatalf("no VmHWM of process %d", pid)
	return 0
}
