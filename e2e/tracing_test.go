package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
	"github.com/snapback-dev/snapback/tracing"
)

// tracedSite is a cluster whose Snapback sends its spans to a collector: the webhook by
// gRPC, the scheduler by HTTP.
type tracedSite struct {
	*site
	*collector
	ns      string
	backup  *v1alpha1.KafkaBackup
	metrics string // of the webhook
}

func newTracedSite(t *testing.T) *tracedSite {
	t.Helper()
	s := &tracedSite{site: ownSite(t, cluster.Options{}), collector: newCollector(t), metrics: freeAddress(t)}
	rights, err := cluster.Render("components/tracing")
	if err != nil {
		t.Fatal(err)
	}
	for i := range rights {
		create(t, s.Client, &rights[i])
	}
	const often = "OTEL_BSP_SCHEDULE_DELAY=100"
	var service corev1.Service
	if err := s.Get(t.Context(), client.ObjectKey{Namespace: cluster.Namespace, Name: "snapback-webhook"}, &service); err != nil {
		t.Fatal(err)
	}
	startProgram(t, s.Cluster, []string{"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_ENDPOINT=" + s.grpc, often}, "readyz", "webhook",
		"--host="+service.Spec.ClusterIP, "--cert-dir="+filepath.Join(s.Dir, "webhook"), "--metrics-bind-address="+s.metrics)
	startScheduler(t, s.Cluster, "OTEL_EXPORTER_OTLP_ENDPOINT="+s.http, often)
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

// TestTracing follows one run and the restores of two brokers, with real processes.
func TestTracing(t *testing.T) {
	t.Parallel()
	cluster.NeedsComponents(t)
	s := newTracedSite(t)
	var lost []*corev1.PersistentVolumeClaim
	for n := range 3 {
		lost = append(lost, s.volume(t, n))
	}
	s.backup = snapshotstest.NewBackup("nightly", "kafka", cluster.SnapshotClass).In(s.ns).Schedule(never).Annotate(v1alpha1.AnnotationRestore, "latest").
		Annotate(v1alpha1.AnnotationRunNow, time.Now().UTC().Format(time.RFC3339)).Obj()
	create(t, s.Client, s.backup)
	s.checkRun(t)

	for _, pvc := range lost[:2] {
		if err := s.Delete(t.Context(), pvc); err != nil {
			t.Fatal(err)
		}
		eventually(t, func(ctx context.Context) error {
			if err := s.Get(ctx, client.ObjectKeyFromObject(pvc), pvc); client.IgnoreNotFound(err) != nil || err == nil {
				return fmt.Errorf("claim %s is still there: %w", pvc.Name, err)
			}
			return nil
		})
	}
	again := []*corev1.PersistentVolumeClaim{s.volume(t, 0), s.volume(t, 1)} // before either is told
	s.playPod(t, again[0])
	s.playKafka(t, again[0])
	s.checkRestore(t, again[0], tracing.SpanDecide, tracing.SpanInSync, tracing.SpanProvision, tracing.SpanPodStart)
	s.checkRestore(t, again[1], tracing.SpanDecide, tracing.SpanProvision)
	s.checkExemplar(t, again)
}

// checkRun waits for the trace of the run, and compares it with the snapshots.
func (s *tracedSite) checkRun(t *testing.T) {
	t.Helper()
	var all []span
	eventually(t, func(ctx context.Context) error {
		if err := s.Get(ctx, client.ObjectKeyFromObject(s.backup), s.backup); err != nil {
			return err
		}
		if last := s.backup.Status.LastRun; last == nil || last.CompletionTime == nil {
			return fmt.Errorf("the run is not complete: %+v", last)
		}
		all = s.trace(tracing.OfRun(s.backup.UID, s.backup.Status.LastRun.ScheduledTime.Time).ID())
		if !slices.ContainsFunc(all, func(s span) bool { return s.Name == tracing.SpanReady }) {
			return fmt.Errorf("%d spans of the run", len(all))
		}
		return nil
	})
	root, attempt, last := find(t, all, tracing.SpanRun), find(t, all, tracing.SpanAttempt), s.backup.Status.LastRun
	if len(root.ParentSpanId) != 0 || !root.start().Equal(last.ScheduledTime.Time) || root.service != "snapback-scheduler" {
		t.Errorf("the root of the run of %s: %v", last.ScheduledTime, root)
	}
	if got, want := under(all, root), []string{tracing.SpanAttempt, tracing.SpanCut, tracing.SpanCut, tracing.SpanCut, tracing.SpanReady}; !slices.Equal(got, want) {
		t.Errorf("in the run are %q, want %q", got, want)
	}
	if got, want := under(all, attempt), []string{tracing.SpanCreate, tracing.SpanCreate, tracing.SpanCreate, tracing.SpanPlan, tracing.SpanAwait, tracing.SpanWait}; !slices.Equal(got, want) {
		t.Errorf("in the attempt are %q, want %q", got, want)
	}
	if ready := find(t, all, tracing.SpanReady); !ready.end().Equal(latestOf(ready.start(), last.CompletionTime.Time)) {
		t.Errorf("ready at %s, the status says %s", ready.end(), last.CompletionTime)
	}
	for _, one := range all {
		if one.Name != tracing.SpanCut {
			continue
		}
		var vs snapshotv1.VolumeSnapshot
		if err := s.Get(t.Context(), client.ObjectKey{Namespace: s.ns, Name: text(one.Attributes, "snapback.snapshot")}, &vs); err != nil {
			t.Fatal(err)
		}
		if !one.start().Equal(vs.CreationTimestamp.Time) || !one.end().Equal(latestOf(one.start(), vs.Status.CreationTime.Time)) {
			t.Errorf("cut from %s to %s, snapshot %s says from %s to %s", one.start(), one.end(), vs.Name, vs.CreationTimestamp, vs.Status.CreationTime)
		}
	}
}

func latestOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a.UTC()
	}
	return b.UTC()
}

// playPod starts a pod on the claim, as a kubelet does.
func (s *tracedSite) playPod(t *testing.T, pvc *corev1.PersistentVolumeClaim) {
	t.Helper()
	pod := podWith(s.ns, "kafka-0", pvc.Name)
	eventually(t, func(ctx context.Context) error { return s.Create(ctx, pod) }) // its ServiceAccount may not be there yet
	pod.Status.Phase = corev1.PodRunning
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "kafka", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}}}}
	if err := s.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
}

// playKafka says that the broker of the claim is in sync, as the scheduler finds in a Kafka
// that it can ask.
func (s *tracedSite) playKafka(t *testing.T, pvc *corev1.PersistentVolumeClaim) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if err := s.Get(ctx, client.ObjectKeyFromObject(s.backup), s.backup); err != nil {
			return err
		}
		i := slices.IndexFunc(s.backup.Status.Restores, func(r v1alpha1.RestoreStatus) bool {
			return r.PersistentVolumeClaim == pvc.Name && r.BoundTime != nil
		})
		if i < 0 {
			return fmt.Errorf("the restore of %s is not known", pvc.Name)
		}
		now := metav1.Now()
		s.backup.Status.Restores[i].Kafka = &v1alpha1.RestoreReport{InSyncTime: &now, ReportedTime: &now, Partitions: 12, Message: "nothing is gone"}
		return s.Status().Update(ctx, s.backup)
	})
}

// checkRestore waits for the trace of a restore, and compares it with the claim and its
// volume.
func (s *tracedSite) checkRestore(t *testing.T, pvc *corev1.PersistentVolumeClaim, want ...string) {
	t.Helper()
	story, ok := tracing.OfClaim(pvc.Annotations)
	if !ok || pvc.Annotations[v1alpha1.AnnotationRestoredFrom] == "" {
		t.Fatalf("claim %s has no trace: %v", pvc.Name, pvc.Annotations)
	}
	var all []span
	eventually(t, func(context.Context) error {
		all = s.trace(story.ID())
		for _, name := range want {
			if !slices.ContainsFunc(all, func(s span) bool { return s.Name == name }) {
				return fmt.Errorf("claim %s: no span %s among %d", pvc.Name, name, len(all))
			}
		}
		return nil
	})
	root, provision := find(t, all, tracing.SpanAdmission), find(t, all, tracing.SpanProvision)
	if root.service != "snapback-webhook" || provision.service != "snapback-scheduler" || len(root.ParentSpanId) != 0 {
		t.Errorf("the root is of %s, the rest of %s", root.service, provision.service)
	}
	if got := under(all, root); !slices.Equal(got, want) {
		t.Errorf("in the restore are %q, want %q", got, want)
	}
	if got := under(all, find(t, all, tracing.SpanDecide)); !slices.Contains(got, "get VolumeSnapshot") {
		t.Errorf("in the decision are %q", got)
	}
	for _, one := range all { // two restores at once do not mix
		if name := text(one.Attributes, "k8s.persistentvolumeclaim.name"); name != "" && name != pvc.Name {
			t.Errorf("%s is of claim %s", one.Name, name)
		}
	}
	var pv corev1.PersistentVolume
	if err := s.Get(t.Context(), client.ObjectKey{Name: pvc.Spec.VolumeName}, &pv); err != nil {
		t.Fatal(err)
	}
	if !provision.start().Equal(pvc.CreationTimestamp.Time) || !provision.end().Equal(pv.Status.LastPhaseTransitionTime.Time) || text(provision.Attributes, "k8s.persistentvolumeclaim.uid") != string(pvc.UID) {
		t.Errorf("provisioned from %s to %s, the claim was created at %s and its volume bound at %s",
			provision.start(), provision.end(), pvc.CreationTimestamp, pv.Status.LastPhaseTransitionTime)
	}
	s.draw(t, all)
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
		if story, _ := tracing.OfClaim(pvc.Annotations); strings.Contains(string(said), `# {trace_id="`+story.ID()+`"}`) {
			return
		}
	}
	t.Error("no bucket names the trace of a restore")
}
