package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/e2e/ports"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestLeaderIsKilled kills the scheduler that leads in the middle of a run,
// with another one standing by: the run has one snapshot of each volume.
func TestLeaderIsKilled(t *testing.T) {
	t.Parallel()
	cluster.NeedsComponents(t)
	const brokers, controllers, before = 40, 10, 20
	k := ownSite(t, cluster.Options{}) // its schedulers are the test's own
	c := k.Client
	// No webhook runs here: its entries would refuse every broker's claim.
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kafka", Labels: map[string]string{v1alpha1.LabelIntercept: "off"}}}
	create(t, c, ns)
	for i := range brokers + controllers {
		claim := snapshotstest.KoperatorClaim("kafka", i, "/kafka-logs").Class(cluster.StorageClass)
		if i >= brokers {
			claim.Label("pvcRoles", "controller")
		}
		create(t, c, claim.Obj())
	}
	eventually(t, func(ctx context.Context) error { return allBound(ctx, c, ns.Name) })
	at := missedRun(t, c)
	held := holdCreates(t, c, before)

	leader := startScheduler(t, k.Cluster)
	eventually(t, func(ctx context.Context) error {
		var lease coordinationv1.Lease
		if err := c.Get(ctx, client.ObjectKey{Namespace: cluster.Namespace, Name: "snapback-scheduler"}, &lease); err != nil {
			return err
		}
		if ptr.Deref(lease.Spec.HolderIdentity, "") == "" {
			return fmt.Errorf("nobody leads yet")
		}
		return nil
	})
	startScheduler(t, k.Cluster)
	eventually(t, func(ctx context.Context) error {
		if n := held.waiting.Load(); n == 0 {
			return fmt.Errorf("no create is held yet")
		}
		return wantSnapshots(ctx, c, ns.Name, before)
	})
	if err := leader.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = leader.Wait() // it was killed
	close(held.release)

	var kb v1alpha1.KafkaBackup
	const leaseAndRun = 2 * patience // the lease of the killed one runs out first
	err := cluster.Eventually(t.Context(), leaseAndRun, func(ctx context.Context) error {
		if err := c.Get(ctx, client.ObjectKey{Namespace: ns.Name, Name: "hourly"}, &kb); err != nil {
			return err
		}
		if kb.Status.LastRun == nil || kb.Status.LastRun.CompletionTime == nil {
			return fmt.Errorf("the run is not complete: %+v", kb.Status)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if run := kb.Status.LastRun; !run.ScheduledTime.Time.Equal(at) || run.Volumes != brokers+controllers || run.Ready != brokers+controllers || run.Failed != 0 {
		t.Errorf("the run of %s with %d snapshots expected: %+v", at, brokers+controllers, run)
	}
	if err := wantSnapshots(t.Context(), c, ns.Name, brokers+controllers); err != nil {
		t.Error(err)
	}
}

func allBound(ctx context.Context, c client.Client, namespace string) error {
	var list corev1.PersistentVolumeClaimList
	if err := c.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return err
	}
	for i := range list.Items {
		if list.Items[i].Status.Phase != corev1.ClaimBound {
			return fmt.Errorf("claim %s is not bound", list.Items[i].Name)
		}
	}
	return nil
}

// wantSnapshots is an error unless there are so many, each of a claim of its
// own.
func wantSnapshots(ctx context.Context, c client.Client, namespace string, n int) error {
	var list snapshotv1.VolumeSnapshotList
	if err := c.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return err
	}
	claims := map[string]bool{}
	for _, vs := range list.Items {
		claims[*vs.Spec.Source.PersistentVolumeClaimName] = true
	}
	if len(list.Items) != n || len(claims) != n {
		return fmt.Errorf("%d snapshots of %d claims, %d expected", len(list.Items), len(claims), n)
	}
	return nil
}

// missedRun creates a KafkaBackup that was due a moment ago, and says when.
func missedRun(t *testing.T, c client.Client) time.Time {
	t.Helper()
	kb := snapshotstest.NewBackup("hourly", "kafka", cluster.SnapshotClass).Obj()
	create(t, c, kb)
	at := time.Now().UTC().Truncate(time.Second)
	kb.Status.ObservedGeneration = kb.Generation
	kb.Status.NextScheduleTime = &metav1.Time{Time: at}
	if err := c.Status().Update(t.Context(), kb); err != nil {
		t.Fatal(err)
	}
	return at
}

// startScheduler starts the real scheduler under the shipped ServiceAccount, with more in
// its environment, and waits until it is healthy. It ends with the test.
func startScheduler(t *testing.T, k *cluster.Cluster, env ...string) *exec.Cmd {
	t.Helper()
	return startProgram(t, k, env, "healthz", "scheduler", "--namespace="+cluster.Namespace, "--metrics-bind-address=0")
}

// startProgram does so with any command of the program, and waits for a check.
func startProgram(t *testing.T, k *cluster.Cluster, env []string, check string, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := cluster.Build(t.Context(), ".", "./cmd/snapback", "snapback")
	if err != nil {
		t.Fatal(err)
	}
	health := ports.Address(t)
	var out bytes.Buffer
	cmd := exec.Command(binary, append(args, "--kubeconfig="+filepath.Join(k.Dir, "snapback.kubeconfig"), "--health-probe-bind-address="+health)...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have been killed already
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", args[0], &out)
		}
	})
	eventually(t, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+health+"/"+check, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("/%s says %s", check, resp.Status)
		}
		return errors.Join(err, resp.Body.Close())
	})
	return cmd
}

// holder holds creates of VolumeSnapshots until it is released.
type holder struct {
	admitted, waiting atomic.Int64
	release           chan struct{}
}

// holdCreates lets so many VolumeSnapshots be created, and holds the rest.
func holdCreates(t *testing.T, c client.Client, n int64) *holder {
	t.Helper()
	h := &holder{release: make(chan struct{})}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(req.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if h.admitted.Add(1) > n {
			h.waiting.Add(1)
			select {
			case <-h.release:
			case <-t.Context().Done():
			}
		}
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
		_ = json.NewEncoder(w).Encode(review) // the client may be gone
	}))
	t.Cleanup(server.Close)
	create(t, c, &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "hold"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "hold.e2e.test",
			ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: &server.URL,
				CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule: admissionregistrationv1.Rule{APIGroups: []string{"snapshot.storage.k8s.io"}, APIVersions: []string{"v1"},
					Resources: []string{"volumesnapshots"}, Scope: ptr.To(admissionregistrationv1.NamespacedScope)},
			}},
			SideEffects:             ptr.To(admissionregistrationv1.SideEffectClassNone),
			TimeoutSeconds:          ptr.To(int32(30)),
			AdmissionReviewVersions: []string{"v1"},
		}},
	})
	// The apiserver takes a moment to ask it: then a dry run is counted.
	probe := snapshotstest.NewSnapshot(snapshotstest.KoperatorClaim("probe", 0, "/kafka-logs"),
		snapshotstest.NewBackup("probe", "probe", cluster.SnapshotClass), cluster.DriverName, time.Now()).Obj()
	probe.UID = ""
	eventually(t, func(ctx context.Context) error {
		if err := c.Create(ctx, probe.DeepCopy(), client.DryRunAll); err != nil {
			return err
		}
		if h.admitted.Load() == 0 {
			return fmt.Errorf("the apiserver does not ask yet")
		}
		return nil
	})
	h.admitted.Store(0)
	return h
}
