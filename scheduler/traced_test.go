package scheduler

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	snapbackapi "github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
	"github.com/snapback-dev/snapback/tracing"
)

// traced is a term that traces into memory.
type traced struct {
	*testing.T
	r     *Reconciler
	clock *clockwork.FakeClock
	kb    *v1alpha1.KafkaBackup
	seen  view
	spans *tracetest.InMemoryExporter
	lists int  // of pods
	deny  bool // pods may not be listed
}

func newTraced(t *testing.T, objects ...client.Object) *traced {
	t.Helper()
	w := &traced{T: t, clock: clockwork.NewFakeClockAt(ten), spans: tracetest.NewInMemoryExporter(),
		kb: snapshotstest.NewBackup("hourly", "kafka", "class").Obj()}
	w.kb.UID = "backup"
	c := fake.NewClientBuilder().WithScheme(snapbackapi.NewScheme()).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			w.lists++
			if w.deny {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New("no right"))
			}
			return c.List(ctx, list, opts...)
		}}).Build()
	w.r = &Reconciler{Client: c, APIReader: c, Clock: w.clock}
	w.begin()
	return w
}

// begin begins another term.
func (w *traced) begin() {
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(w.spans), sdktrace.WithIDGenerator(tracing.IDs{}), sdktrace.WithSampler(sdktrace.AlwaysSample()))
	w.r = &Reconciler{Client: w.r.Client, APIReader: w.r.APIReader, Clock: w.clock, began: w.clock.Now()}
	w.r.traces.Tracer = tracing.New(provider, w.clock.Now)
}

// look tells what there is to tell, and returns the new spans.
func (w *traced) look(change func(*v1alpha1.KafkaBackupStatus)) tracetest.SpanStubs {
	before := w.kb.DeepCopy()
	if change != nil {
		change(&w.kb.Status)
	}
	return w.told(func() { w.r.trace(w.Context(), before, w.kb, w.seen) })
}

func (w *traced) told(do func()) tracetest.SpanStubs {
	w.spans.Reset()
	do()
	return w.spans.GetSpans()
}

// want checks which spans there are, in order, with their seconds after ten.
func (w *traced) want(spans tracetest.SpanStubs, want ...string) {
	w.Helper()
	got := []string{}
	for _, s := range spans {
		got = append(got, fmt.Sprintf("%s %v-%v", s.Name, s.StartTime.Sub(ten).Seconds(), s.EndTime.Sub(ten).Seconds()))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.Errorf("told %q, want %q", got, want)
	}
}

func at(seconds int) *metav1.Time {
	return &metav1.Time{Time: ten.Add(time.Duration(seconds) * time.Second)}
}

// restored returns a restored claim of broker n, its volume, which was bound after ten
// seconds, and the trace of its restore; and adds it to what is seen.
func (w *traced) restored(n int, recorded bool) (restore v1alpha1.RestoreStatus, story tracing.Story) {
	pvc := snapshotstest.KoperatorClaim("kafka", n, "/kafka-logs").Named(fmt.Sprint("claim-", n)).From("snapshot").Annotate(v1alpha1.AnnotationRestoredFrom, "snapshot").Obj()
	pvc.UID, pvc.CreationTimestamp, pvc.Status.Phase = types.UID(fmt.Sprint("uid-", n)), *at(0), corev1.ClaimBound
	pvc.Spec.VolumeName = fmt.Sprint("volume-", n)
	story = w.begun(pvc.Namespace, pvc.Name)
	if recorded {
		pvc.Annotations[v1alpha1.AnnotationTraceparent] = story.Traceparent()
	}
	v, _ := snapshots.Identify(pvc.Namespace, pvc, nil)
	w.seen.claims = append(w.seen.claims, claims.Claim{Volume: v, PVC: pvc})
	return v1alpha1.RestoreStatus{PersistentVolumeClaim: pvc.Name, VolumeSnapshot: "snapshot", RequestedTime: pvc.CreationTimestamp}, story
}

// begun returns a story that the webhook has begun to record for a claim.
func (w *traced) begun(namespace, name string) tracing.Story {
	w.Helper()
	provider := sdktrace.NewTracerProvider(sdktrace.WithIDGenerator(tracing.IDs{}))
	_, root := tracing.New(provider, time.Now).Root(w.Context(), tracing.NewRestore(namespace, name), tracing.SpanAdmission, ten, nil)
	story, ok := root.Story()
	if !ok {
		w.Fatal("it is not recorded")
	}
	return story
}

func volume(n int) client.Object {
	return &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("volume-", n)},
		Status: corev1.PersistentVolumeStatus{Phase: corev1.VolumeBound, LastPhaseTransitionTime: at(10 + n)}}
}

func podOf(n int) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "kafka", Name: fmt.Sprint("pod-", n), CreationTimestamp: *at(1)},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "kafka"}}, Volumes: []corev1.Volume{{VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: fmt.Sprint("claim-", n)}}}}}}
}

// TestRestoresAreTraced follows two restores, of which one is recorded, from term to term.
func TestRestoresAreTraced(t *testing.T) {
	t.Parallel()
	pod := podOf(0)
	w := newTraced(t, volume(0), volume(1), pod)
	one, story := w.restored(0, true)
	other, _ := w.restored(1, false)
	w.want(w.look(func(s *v1alpha1.KafkaBackupStatus) { s.Restores = []v1alpha1.RestoreStatus{one, other} }))
	behind := v1alpha1.RestoreStatus{PersistentVolumeClaim: "claim-2", RequestedTime: *at(0), BoundTime: at(1)} // the cache lacks its volume
	w.restored(2, true)
	w.want(w.look(func(s *v1alpha1.KafkaBackupStatus) { s.Restores = append(s.Restores, behind) }))

	w.clock.Advance(14 * time.Second)
	spans := w.look(func(s *v1alpha1.KafkaBackupStatus) { s.Restores[0].BoundTime, s.Restores[1].BoundTime = at(14), at(14) })
	w.want(spans, "provision 0-10")
	set := attribute.NewSet(spans[0].Attributes...)
	for key, want := range map[attribute.Key]string{"k8s.namespace.name": "kafka", "k8s.persistentvolumeclaim.name": "claim-0", "k8s.persistentvolumeclaim.uid": "uid-0",
		"k8s.persistentvolume.name": "volume-0", tracing.Snapshot: "snapshot", tracing.Backup: "hourly", tracing.Cluster: "kafka"} {
		if got, _ := set.Value(key); got.String() != want {
			t.Errorf("%s is %q, want %q", key, got.String(), want)
		}
	}
	if spans[0].SpanContext.TraceID().String() != story.ID() || spans[0].Parent.SpanID().String() != story.Traceparent()[36:52] {
		t.Error("it is not in the restore's trace")
	}
	w.want(w.look(nil)) // the pod has not started

	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: *at(20)}}}}
	if err := w.r.Client.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(10 * time.Second)
	w.want(w.look(nil), "start pod 10-20")
	listed := w.lists
	w.want(w.look(nil))
	if w.lists != listed {
		t.Error("pods are listed although nothing waits for one")
	}
	inSync := func(s *v1alpha1.KafkaBackupStatus) {
		s.Restores[0].Kafka = &v1alpha1.RestoreReport{Broker: ptr.To(int32(0)), Partitions: 3, InSyncTime: at(60), ReportedTime: at(70), RecordsGone: ptr.To(int64(0))}
	}
	w.clock.Advance(time.Minute)
	w.want(w.look(inSync), "get in sync 10-60")

	earlier := spans[0].SpanContext
	w.begin() // another leader tells again what has just ended, as the same spans
	spans = w.look(nil)
	w.want(spans, "provision 0-10", "start pod 10-20", "get in sync 10-60")
	if !spans[0].SpanContext.Equal(earlier.WithRemote(false)) {
		t.Error("another leader tells another span")
	}
	w.clock.Advance(time.Hour)
	w.begin()
	w.want(w.look(nil))
}

// TestPodsMayNotBeListed has the scheduler without the right to list pods: it asks once.
func TestPodsMayNotBeListed(t *testing.T) {
	t.Parallel()
	w := newTraced(t, volume(0))
	w.deny = true
	one, _ := w.restored(0, true)
	one.BoundTime = at(14)
	w.want(w.look(func(s *v1alpha1.KafkaBackupStatus) { s.Restores = []v1alpha1.RestoreStatus{one} }), "provision 0-10")
	w.want(w.look(nil))
	if w.lists != 1 {
		t.Errorf("asked %d times", w.lists)
	}
}

// ran adds a run of so many snapshots, each cut a second later than the one before.
func (w *traced) ran(scheduled time.Time, n int) v1alpha1.RunStatus {
	for i := range n {
		w.seen.own = append(w.seen.own, snapshots.Snapshot{Name: fmt.Sprint("s", i), SourcePVC: fmt.Sprint("c", i), Scheduled: scheduled,
			Created: scheduled.Add(time.Second), Cut: scheduled.Add(time.Duration(i+2) * time.Second), Ready: true})
	}
	return v1alpha1.RunStatus{ScheduledTime: metav1.Time{Time: scheduled}, Volumes: int32(n), Ready: int32(n)}
}

func TestRunsAreTraced(t *testing.T) {
	t.Parallel()
	w := newTraced(t)
	run := w.ran(ten, 2)
	w.want(w.look(func(s *v1alpha1.KafkaBackupStatus) { s.LastRun = &run }))
	w.clock.Advance(10 * time.Second)
	spans := w.look(func(s *v1alpha1.KafkaBackupStatus) { s.LastRun.CompletionTime = at(10) })
	w.want(spans, "run 0-10", "cut snapshot 1-3", "cut snapshot 1-2", "get ready 3-10")
	for _, s := range spans[1:] {
		if s.Parent.SpanID() != spans[0].SpanContext.SpanID() || s.SpanContext.TraceID().String() != tracing.OfRun("backup", ten).ID() {
			t.Errorf("%s is not in the run", s.Name)
		}
	}
	w.want(w.look(nil))
	w.want(w.told(func() { w.r.tracePrune(w.kb, w.clock.Now(), 0, 0, nil) }))
	spans = w.told(func() { w.r.tracePrune(w.kb, w.clock.Now(), 2, 0, errors.New("conflict")) })
	w.want(spans, "prune 10-10")
	if spans[0].Status.Code != codes.Error {
		t.Error("what failed is not told as failed")
	}

	// A run that never became ready is told when the next one begins.
	w.clock.Advance(time.Hour - 10*time.Second)
	half := w.ran(ten.Add(time.Hour), 1)
	half.Ready, half.Volumes = 1, 2
	w.want(w.look(func(s *v1alpha1.KafkaBackupStatus) { s.LastRun = &half }))
	w.clock.Advance(time.Hour)
	next := w.ran(ten.Add(2*time.Hour), 1)
	spans = w.look(func(s *v1alpha1.KafkaBackupStatus) { s.LastRun = &next })
	w.want(spans, "run 3600-7200", "cut snapshot 3601-3602")
	if spans[0].Status.Code != codes.Error {
		t.Error("a run that has not ended well is told as if it had")
	}
}

// TestLargeRun has a thousand volumes: few of them have spans, the slowest of those that were
// cut, and the rest is counted.
func TestLargeRun(t *testing.T) {
	t.Parallel()
	w := newTraced(t)
	run := w.ran(ten, 1000)
	run.CompletionTime = at(2000)
	spans := w.look(func(s *v1alpha1.KafkaBackupStatus) { s.LastRun = &run })
	if len(spans) != maxSpans+2 || spans[1].EndTime != ten.Add(1001*time.Second) {
		t.Errorf("%d spans, the first snapshot's ends at %s", len(spans), spans[1].EndTime)
	}
	omitted := attribute.NewSet(spans[0].Attributes...)
	if v, _ := omitted.Value(tracing.Untold); v.AsInt64() != 1000-maxSpans {
		t.Errorf("%s are omitted", v.String())
	}
	spans = w.told(func() {
		ctx, end := w.r.traceAttempt(t.Context(), attempt{uid: "backup", scheduled: ten})
		for i := range 1000 {
			pvc := snapshotstest.PlainClaim(fmt.Sprint("c", i)).Obj()
			_, span := w.r.traceCreate(ctx, task{Claim: claims.Claim{PVC: pvc}})
			span.End(nil)
		}
		end(&Result{Scheduled: ten, Volumes: 1000}, nil)
	})
	attempt := spans[len(spans)-1]
	omitted = attribute.NewSet(attempt.Attributes...)
	if v, _ := omitted.Value(tracing.Untold); len(spans) != maxSpans+1 || v.AsInt64() != 1000-maxSpans || attempt.Name != tracing.SpanAttempt ||
		spans[0].Parent.SpanID() != attempt.SpanContext.SpanID() || attempt.SpanContext.TraceID().String() != tracing.OfRun("backup", ten).ID() {
		t.Errorf("%d spans of an attempt, %s omitted", len(spans), v.String())
	}
}
