package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/e2e/ports"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
	"github.com/snapback-dev/snapback/tracing"
)

// tracedSite is a cluster whose Snapback sends its spans to a collector: the webhook by
// gRPC, the scheduler by HTTP.
type tracedSite struct {
	*site
	*collector
	webhook, scheduler *exec.Cmd

	ns      string
	backup  *v1alpha1.KafkaBackup
	metrics string // of the webhook
}

func newTracedSite(t *testing.T) *tracedSite {
	t.Helper()
	c, on := newCollector(t), ownSite(t, cluster.Options{})
	rights, err := cluster.Render("components/tracing")
	if err != nil {
		t.Fatal(err)
	}
	for i := range rights {
		create(t, on.Client, &rights[i])
	}
	s := startTraced(t, on, c.grpc, c.http)
	s.collector = c
	return s
}

// startTraced starts Snapback in a cluster: the webhook sends its spans by gRPC to one URL, the
// scheduler by HTTP to another.
func startTraced(t *testing.T, on *site, grpc, http string) *tracedSite {
	t.Helper()
	s := &tracedSite{site: on, metrics: ports.Address(t)}
	const often = "OTEL_BSP_SCHEDULE_DELAY=100"
	var service corev1.Service
	if err := s.Get(t.Context(), client.ObjectKey{Namespace: cluster.Namespace, Name: "snapback-webhook"}, &service); err != nil {
		t.Fatal(err)
	}
	s.webhook = startProgram(t, s.Cluster, []string{"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_ENDPOINT=" + grpc, often}, "readyz", "webhook",
		"--host="+service.Spec.ClusterIP, "--cert-dir="+filepath.Join(s.Dir, "webhook"), "--metrics-bind-address="+s.metrics, "--drain=0s")
	s.scheduler = startScheduler(t, s.Cluster, "OTEL_EXPORTER_OTLP_ENDPOINT="+http, often)
	s.ns = newNamespace(t, s.Client, nil)
	return s
}

// volume makes the claim of a broker, or of the controller, number 2.
func (s *tracedSite) volume(t *testing.T, n int) *corev1.PersistentVolumeClaim {
	t.Helper()
	claim := snapshotstest.KoperatorClaim("kafka", n, "/kafka-logs").Named(fmt.Sprint("kafka-", n, "-storage")).In(s.ns).Class(cluster.StorageClass)
	if n == 2 {
		claim.Label("pvcRoles", "controller")
	}
	pvc := claim.Obj()
	create(t, s.Client, pvc)
	eventually(t, func(ctx context.Context) error {
		if err := s.Get(ctx, client.ObjectKeyFromObject(pvc), pvc); err != nil || pvc.Status.Phase != corev1.ClaimBound {
			return fmt.Errorf("claim %s is not bound: %w", pvc.Name, err)
		}
		return nil
	})
	return pvc
}

// lose deletes claims, and waits until they are gone.
func (s *tracedSite) lose(t *testing.T, pvcs ...*corev1.PersistentVolumeClaim) {
	t.Helper()
	for _, pvc := range pvcs {
		deleteClaim(t, s.Client, pvc)
	}
}

// TestTracing follows one run and the restores of two brokers at once, with real processes.
func TestTracing(t *testing.T) {
	t.Parallel()
	cluster.NeedsComponents(t)
	s := newTracedSite(t)
	s.slowStorage(t)
	kafka, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(12, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	pruned := s.often(t)
	lost := []*corev1.PersistentVolumeClaim{s.volume(t, 0), s.volume(t, 1), s.volume(t, 2)}
	s.nightly(t, kafka.ListenAddrs()...)
	s.checkRun(t)
	s.lose(t, lost[:2]...)
	again := []*corev1.PersistentVolumeClaim{s.volume(t, 0), s.volume(t, 1)} // before either is told
	pod := s.playPod(t, again[1])
	s.checkRestore(t, again[0], nil)
	s.checkRestore(t, again[1], pod)
	s.checkExemplar(t, again)
	s.checkPrune(t, pruned)
}

// slowStorage makes the storage take seconds, since objects keep their times in seconds.
func (s *tracedSite) slowStorage(t *testing.T) {
	t.Helper()
	const slow = `{"snapshots": {"cutAfter": "2s", "readyAfter": "4s"}, "volumes": {"createAfter": "3s"}}`
	faults := filepath.Join(s.Storage, "faults")
	if err := errors.Join(os.MkdirAll(faults, 0o755), os.WriteFile(filepath.Join(faults, "slow.json"), []byte(slow), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// playPod starts a pod on the claim, as a kubelet does that has the image, and returns
// when its container was started.
func (s *tracedSite) playPod(t *testing.T, pvc *corev1.PersistentVolumeClaim) *metav1.Time {
	t.Helper()
	pod := podWith(s.ns, "kafka-1", pvc.Name)
	eventually(t, func(ctx context.Context) error { return s.Create(ctx, pod) }) // its ServiceAccount may not be there yet
	started := metav1.NewTime(pod.CreationTimestamp.Add(time.Second))
	pod.Status.Phase = corev1.PodRunning
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "kafka", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: started}}}}
	if err := s.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	return &started
}

// checkRestore waits for the trace of a restore, and compares it with the claim, its volume,
// when its pod was started (nil: it has none), and what Kafka has said of its broker.
func (s *tracedSite) checkRestore(t *testing.T, pvc *corev1.PersistentVolumeClaim, started *metav1.Time) {
	t.Helper()
	story, ok := tracing.OfClaim(pvc)
	if !ok || pvc.Annotations[v1alpha1.AnnotationRestoredFrom] == "" {
		t.Fatalf("claim %s has no trace: %v", pvc.Name, pvc.Annotations)
	}
	want := []string{tracing.SpanDecide, tracing.SpanInSync, tracing.SpanProvision}
	if started != nil {
		want = append(want, tracing.SpanPodStart)
	}
	var all []span
	eventually(t, func(context.Context) error {
		all = s.trace(story.ID())
		for _, name := range want {
			if !has(all, name) {
				return fmt.Errorf("claim %s: no span %s among %d", pvc.Name, name, len(all))
			}
		}
		return nil
	})
	root, provision, decide := find(t, all, tracing.SpanAdmission), find(t, all, tracing.SpanProvision), find(t, all, tracing.SpanDecide)
	if root.service != "snapback-webhook" || provision.service != "snapback-scheduler" || len(root.ParentSpanId) != 0 {
		t.Errorf("the root is of %s, the rest of %s", root.service, provision.service)
	}
	if got := under(all, root); !slices.Equal(got, want) {
		t.Errorf("in the restore are %q, want %q", got, want)
	}
	if got := under(all, decide); !slices.Contains(got, "get VolumeSnapshot") {
		t.Errorf("in the decision are %q", got)
	}
	ids := map[string]bool{}
	for _, one := range all { // two restores at once do not mix
		if name := text(one.Attributes, "k8s.persistentvolumeclaim.name"); name != "" && name != pvc.Name {
			t.Errorf("%s is of claim %s", one.Name, name)
		}
		if ids[string(one.SpanId)] {
			t.Errorf("%s is told twice", one.Name)
		}
		ids[string(one.SpanId)] = true
	}
	if created := pvc.CreationTimestamp.Time; created.Before(root.start().Truncate(time.Second)) || decide.start().Before(root.start()) || decide.end().After(root.end()) {
		t.Errorf("admitted from %s to %s, decided from %s to %s, the claim was created at %s", root.start(), root.end(), decide.start(), decide.end(), created)
	}
	s.checkTimes(t, pvc, all, started)
	s.draw(t, all)
}

// checkTimes compares the spans of a restore with the cluster's objects.
func (s *tracedSite) checkTimes(t *testing.T, pvc *corev1.PersistentVolumeClaim, all []span, started *metav1.Time) {
	t.Helper()
	var pv corev1.PersistentVolume
	if err := s.Get(t.Context(), client.ObjectKey{Name: pvc.Spec.VolumeName}, &pv); err != nil {
		t.Fatal(err)
	}
	if err := s.Get(t.Context(), client.ObjectKeyFromObject(s.backup), s.backup); err != nil {
		t.Fatal(err)
	}
	bound := pv.Status.LastPhaseTransitionTime.Time
	if p := find(t, all, tracing.SpanProvision); !p.start().Equal(pvc.CreationTimestamp.Time) || !p.end().Equal(bound) || text(p.Attributes, "k8s.persistentvolumeclaim.uid") != string(pvc.UID) {
		t.Errorf("provisioned from %s to %s, the claim was created at %s and its volume bound at %s", p.start(), p.end(), pvc.CreationTimestamp, bound)
	}
	if started != nil {
		if p := find(t, all, tracing.SpanPodStart); p.start().Before(bound) || !p.end().Equal(started.Time) {
			t.Errorf("the pod started from %s to %s, its container at %s, the volume was bound at %s", p.start(), p.end(), started, bound)
		}
	}
	i := slices.IndexFunc(s.backup.Status.Restores, func(r v1alpha1.RestoreStatus) bool { return r.PersistentVolumeClaim == pvc.Name })
	if i < 0 || s.backup.Status.Restores[i].Kafka == nil {
		t.Fatalf("no restore of %s has a report: %+v", pvc.Name, s.backup.Status.Restores)
	}
	if sync, at := find(t, all, tracing.SpanInSync), s.backup.Status.Restores[i].Kafka.InSyncTime; !sync.start().Equal(bound) || !sync.end().Equal(at.Time) {
		t.Errorf("got in sync from %s to %s, the status says at %s, the volume was bound at %s", sync.start(), sync.end(), at, bound)
	}
}

// checkExemplar scrapes the webhook, as a Prometheus that keeps exemplars does.
func (s *tracedSite) checkExemplar(t *testing.T, pvcs []*corev1.PersistentVolumeClaim) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.metrics+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, pvc := range pvcs {
		if story, _ := tracing.OfClaim(pvc); strings.Contains(string(said), `# {trace_id="`+story.ID()+`"}`) {
			return
		}
	}
	t.Error("no bucket names the trace of a restore")
}
