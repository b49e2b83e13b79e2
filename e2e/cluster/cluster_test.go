package cluster_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// holder in the environment makes this test binary a program that starts a
// cluster, prints what it consists of, and waits to be killed.
const holder = "SNAPBACK_TEST_HOLDS_A_CLUSTER"

func TestMain(m *testing.M) {
	if os.Getenv(holder) == "" {
		os.Exit(m.Run())
	}
	c, err := cluster.Start(context.Background(), cluster.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(c.Pid, c.Dir)
	select {}
}

// TestKilledOwner kills the process that started a cluster, with a signal that it
// cannot catch. Nothing of the cluster must be left.
func TestKilledOwner(t *testing.T) {
	cluster.NeedsComponents(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holder+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the cluster did not come up: %v", err)
	}
	var pid int
	var dir string
	if _, err := fmt.Sscan(line, &pid, &dir); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if n := len(descendants(t, pid)); n < 6 {
		t.Fatalf("the supervisor runs %d programs, at least 6 expected", n)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	gone(t, pid, dir)
}

// TestKilledSupervisor kills the supervisor itself: the programs end with it.
func TestKilledSupervisor(t *testing.T) {
	cluster.NeedsComponents(t)
	c, err := cluster.Start(t.Context(), cluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(c.Dir) }) //nolint:errcheck // nobody else can, now
	parts := descendants(t, c.Pid)
	if err := syscall.Kill(c.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(); err == nil {
		t.Error("a cluster whose supervisor was killed says that it was stopped")
	}
	for _, part := range parts {
		gone(t, part, "")
	}
}

// TestWithoutWebhook creates claims while the webhook is configured and does not
// answer. Claims of brokers must be refused and never be empty. Other claims must
// not be affected.
func TestWithoutWebhook(t *testing.T) {
	cluster.NeedsComponents(t)
	c, err := cluster.Start(t.Context(), cluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
		gone(t, c.Pid, c.Dir)
	})
	api, err := cluster.NewClient(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		claim   *snapshotstest.Claim
		labels  map[string]string // of the namespace
		refused string            // the entry that refuses
	}{
		"koperator":                {claim: snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs"), refused: "koperator.snapback.dev"},
		"strimzi":                  {claim: snapshotstest.StrimziClaim("kafka", "broker", 0, 0), refused: "strimzi.snapback.dev"},
		"statefulset":              {claim: snapshotstest.StatefulSetClaim("kafka", 0), refused: "statefulset.snapback.dev"},
		"not a broker's":           {claim: snapshotstest.PlainClaim("data-postgres-0").Label("app", "postgres")},
		"connect":                  {claim: snapshotstest.PlainClaim("connect-0").Label("strimzi.io/cluster", "c").Label("strimzi.io/kind", "KafkaConnect")},
		"unknown, intercepted":     {claim: snapshotstest.PlainClaim("disk-0"), labels: map[string]string{v1alpha1.LabelIntercept: "true"}, refused: "selector.snapback.dev"},
		"koperator, namespace out": {claim: snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs"), labels: map[string]string{v1alpha1.LabelIntercept: "off"}},
		"koperator, source set":    {claim: snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").From("chosen")},
	} {
		t.Run(name, func(t *testing.T) {
			ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "kafka-", Labels: test.labels}}
			if err := api.Create(t.Context(), ns); err != nil {
				t.Fatal(err)
			}
			err := api.Create(t.Context(), test.claim.In(ns.Name).Class(cluster.StorageClass).Obj(), client.DryRunAll)
			if test.refused == "" && err != nil {
				t.Error(err)
			}
			if test.refused != "" && (err == nil || !strings.Contains(err.Error(), test.refused)) {
				t.Errorf("refused by %s expected, got %v", test.refused, err)
			}
		})
	}
}

// gone waits until a process and a folder do not exist any more.
func gone(t *testing.T, pid int, dir string) {
	t.Helper()
	err := cluster.Eventually(context.Background(), 30*time.Second, func(context.Context) error {
		if state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && !strings.Contains(string(state), ") Z ") {
			return fmt.Errorf("process %d still runs: %s", pid, state)
		}
		if _, err := os.Stat(dir); dir != "" && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("folder %s is still there (error: %w)", dir, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// descendants returns the children of a process.
func descendants(t *testing.T, pid int) []int {
	t.Helper()
	var all []int
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, thread.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for field := range strings.FieldsSeq(string(children)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, child)
		}
	}
	return all
}
