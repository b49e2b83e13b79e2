package scheduler

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/athand"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/tracing"
)

// traces are what a term has told of restores and runs.
type traces struct {
	*tracing.Tracer // nil: nothing is traced

	told   tracing.Told
	noPods atomic.Bool // pods may not be listed
}

// takeover is how far back a new leader tells what has ended. The one before it has told what
// is older, and may not have told the rest.
const takeover = 2 * time.Minute

// awaitPod is how long after a claim is bound its pod is looked for.
const awaitPod = time.Hour

// trace tells what has ended of the KafkaBackup's runs and restores, with the times of the
// cluster's objects.
func (r *Reconciler) trace(ctx context.Context, before, kb *v1alpha1.KafkaBackup, seen view) {
	if r.traces.Tracer == nil {
		return
	}
	r.traceRuns(before, kb, seen)
	pods := sync.OnceValue(func() []corev1.Pod { return r.listPods(ctx, kb.Namespace) })
	for _, restore := range kb.Status.Restores {
		claim, story, ok := tracedClaim(restore, seen.claims)
		if ok && restore.BoundTime != nil {
			r.traceRestore(ctx, kb, restore, claim, story, pods)
		}
	}
}

// tracedClaim returns the claim of a restore, and the trace that the webhook has begun with
// it; false: there is none.
func tracedClaim(restore v1alpha1.RestoreStatus, all []claims.Claim) (*corev1.PersistentVolumeClaim, tracing.Story, bool) {
	for _, c := range all {
		if c.PVC.Name != restore.PersistentVolumeClaim || !restore.RequestedTime.Equal(&c.PVC.CreationTimestamp) {
			continue
		}
		story, ok := tracing.OfClaim(c.PVC)
		return c.PVC, story, ok && c.PVC.Annotations[v1alpha1.AnnotationRestoredFrom] == snapshots.SourceOf(c.PVC)
	}
	return nil, tracing.Story{}, false
}

// traceRestore tells what has ended of a restore whose claim is bound.
func (r *Reconciler) traceRestore(ctx context.Context, kb *v1alpha1.KafkaBackup, restore v1alpha1.RestoreStatus, pvc *corev1.PersistentVolumeClaim, story tracing.Story, pods func() []corev1.Pod) {
	bound := r.boundAt(ctx, pvc, restore.BoundTime.Time)
	if bound.IsZero() {
		return
	}
	about := slices.Clip(append(ofBackup(kb), tracing.Claim(pvc.Name), tracing.ClaimUID(string(pvc.UID))))
	r.tell(story, tracing.Past{Name: tracing.SpanProvision, From: pvc.CreationTimestamp.Time, To: bound,
		Attributes: append(about, tracing.Volume(pvc.Spec.VolumeName), tracing.Snapshot.String(restore.VolumeSnapshot))}, restore.BoundTime.Time)
	if pod := r.startedPod(pvc, story, bound, pods); pod != nil {
		r.tell(story, tracing.Past{Name: tracing.SpanPodStart, From: latest(bound, pod.CreationTimestamp.Time), To: startedAt(pod),
			Attributes: append(about, tracing.Pod(pod.Name))}, latest(startedAt(pod), restore.BoundTime.Time))
	}
	if k := restore.Kafka; k != nil && k.InSyncTime != nil && k.ReportedTime != nil {
		about = append(about, tracing.Broker.Int(int(ptr.Deref(k.Broker, -1))), tracing.Partitions.Int(int(k.Partitions)))
		if k.RecordsGone != nil {
			about = append(about, tracing.RecordsGone.Int64(*k.RecordsGone))
		}
		r.tell(story, tracing.Past{Name: tracing.SpanInSync, From: bound, To: k.InSyncTime.Time, Attributes: about}, k.ReportedTime.Time)
	}
}

// tell records a past span of a story once a term, and not what was known long before it.
func (r *Reconciler) tell(story tracing.Story, p tracing.Past, known time.Time) {
	if !known.Before(r.began.Add(-takeover)) && r.traces.told.First(story, p) {
		r.traces.Tell(story, p)
	}
}

// boundAt is when a claim was bound, by its volume, or when that was seen if the apiserver does
// not note it; zero: the cache does not have the volume as bound yet.
func (r *Reconciler) boundAt(ctx context.Context, pvc *corev1.PersistentVolumeClaim, seen time.Time) time.Time {
	var pv corev1.PersistentVolume
	err := r.Client.Get(ctx, client.ObjectKey{Name: pvc.Spec.VolumeName}, &pv, client.UnsafeDisableDeepCopy)
	if err != nil || pv.Status.Phase != corev1.VolumeBound {
		return time.Time{}
	}
	if at := pv.Status.LastPhaseTransitionTime; at != nil {
		return at.Time
	}
	return seen
}

// startedPod returns the pod that runs on the claim; nil: there is none, or it was told. One
// that began to run before the claim was there, and is not gone yet, ran on another.
func (r *Reconciler) startedPod(pvc *corev1.PersistentVolumeClaim, story tracing.Story, bound time.Time, pods func() []corev1.Pod) *corev1.Pod {
	if r.Clock.Since(bound) > awaitPod || r.traces.told.Has(story, tracing.Past{Name: tracing.SpanPodStart}) {
		return nil
	}
	all := pods()
	for i := range all {
		if pod := &all[i]; mounts(pod, pvc.Name) && !startedAt(pod).IsZero() && !startedAt(pod).Before(pvc.CreationTimestamp.Time) {
			return pod
		}
	}
	return nil
}

// listPods returns the pods of a namespace. They are listed once a look, and only while a restore
// that is traced waits for one; if they may not be listed, once a term.
func (r *Reconciler) listPods(ctx context.Context, namespace string) []corev1.Pod {
	if r.traces.noPods.Load() {
		return nil
	}
	var pods corev1.PodList
	if err := r.APIReader.List(ctx, &pods, client.InNamespace(namespace), athand.List); err != nil {
		r.traces.noPods.Store(apierrors.IsForbidden(err))
		log.FromContext(ctx).Info("the start of a restored broker's pod is not traced", "namespace", namespace, "error", err.Error())
		return nil
	}
	return pods.Items
}

func mounts(pod *corev1.Pod, claim string) bool {
	for _, v := range pod.Spec.Volumes {
		if v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == claim {
			return true
		}
	}
	return false
}

// startedAt is when the last of a pod's containers was started; zero: not all run.
func startedAt(pod *corev1.Pod) (last time.Time) {
	if len(pod.Status.ContainerStatuses) < len(pod.Spec.Containers) {
		return time.Time{}
	}
	for _, c := range pod.Status.ContainerStatuses {
		if c.State.Running == nil {
			return time.Time{}
		}
		last = latest(last, c.State.Running.StartedAt.Time)
	}
	return last
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
