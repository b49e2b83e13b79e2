package scheduler

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/athand"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/scheduler/verify"
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
	for _, c := range seen.claims {
		if story, ok := storyOf(c.PVC); ok {
			if restore, ok := r.restoreOf(kb, c.PVC); ok {
				r.traceRestore(ctx, kb, restore, c.PVC, story, pods)
			}
		}
	}
}

// storyOf returns the trace that the webhook has begun with the restore of a claim; false: there is
// none.
func storyOf(pvc *corev1.PersistentVolumeClaim) (tracing.Story, bool) {
	story, ok := tracing.OfClaim(pvc)
	return story, ok && pvc.Annotations[v1alpha1.AnnotationRestoredFrom] == snapshots.SourceOf(pvc)
}

// restoreOf returns what is known of the restore of a claim; false: it is not bound yet. A status lists
// only the last restores, and a whole cluster may be restored at once: of the others is known what
// their objects say, while they are new.
func (r *Reconciler) restoreOf(kb *v1alpha1.KafkaBackup, pvc *corev1.PersistentVolumeClaim) (v1alpha1.RestoreStatus, bool) {
	for _, restore := range kb.Status.Restores {
		if restore.PersistentVolumeClaim == pvc.Name && restore.RequestedTime.Equal(&pvc.CreationTimestamp) {
			return restore, restore.BoundTime != nil
		}
	}
	crowdedOut := len(kb.Status.Restores) == verify.MaxRestores && r.Clock.Since(pvc.CreationTimestamp.Time) <= awaitPod
	return v1alpha1.RestoreStatus{VolumeSnapshot: snapshots.SourceOf(pvc)}, crowdedOut && pvc.Status.Phase == corev1.ClaimBound
}

// traceRestore tells what has ended of a restore whose claim is bound. The spans are of the claim's
// UID: one that is created again from a copy of itself has the annotation of the first.
func (r *Reconciler) traceRestore(ctx context.Context, kb *v1alpha1.KafkaBackup, restore v1alpha1.RestoreStatus, pvc *corev1.PersistentVolumeClaim, story tracing.Story, pods func() []corev1.Pod) {
	bound := r.boundAt(ctx, pvc, restore.BoundTime)
	if bound.IsZero() {
		return
	}
	known := ptr.Deref(restore.BoundTime, metav1.Time{Time: bound}).Time
	about := slices.Clip(append(ofBackup(kb), tracing.Claim(pvc.Name), tracing.ClaimUID(string(pvc.UID))))
	r.tell(story, tracing.Past{Name: tracing.SpanProvision, Of: string(pvc.UID), From: pvc.CreationTimestamp.Time, To: bound,
		Attributes: append(about, tracing.Volume(pvc.Spec.VolumeName), tracing.Snapshot.String(restore.VolumeSnapshot))}, known)
	if pod := r.startedPod(pvc, story, bound, pods); pod != nil {
		r.tell(story, tracing.Past{Name: tracing.SpanPodStart, Of: string(pvc.UID), From: latest(bound, pod.CreationTimestamp.Time), To: startedAt(pod),
			Attributes: append(about, tracing.Pod(pod.Name))}, latest(startedAt(pod), known))
	}
	if k := restore.Kafka; k != nil && k.InSyncTime != nil && k.ReportedTime != nil {
		about = append(about, tracing.Broker.Int(int(ptr.Deref(k.Broker, -1))), tracing.Partitions.Int(int(k.Partitions)))
		if k.RecordsGone != nil {
			about = append(about, tracing.RecordsGone.Int64(*k.RecordsGone))
		}
		r.tell(story, tracing.Past{Name: tracing.SpanInSync, Of: string(pvc.UID), From: bound, To: k.InSyncTime.Time, Attributes: about}, k.ReportedTime.Time)
	}
}

// tell records a past span of a story once a term, and not what was known long before it. That
// counts as told too: nobody looks for it again.
func (r *Reconciler) tell(story tracing.Story, p tracing.Past, known time.Time) {
	if r.traces.told.First(story, p) && !known.Before(r.began.Add(-takeover)) {
		r.traces.Tell(story, p)
	}
}

// boundAt is when a claim was bound, by its volume, or when that was seen if the apiserver does
// not note it; zero: the cache does not have the volume as bound yet, or nobody has seen that it
// was made for the claim.
func (r *Reconciler) boundAt(ctx context.Context, pvc *corev1.PersistentVolumeClaim, seen *metav1.Time) time.Time {
	var pv corev1.PersistentVolume
	err := r.Client.Get(ctx, client.ObjectKey{Name: pvc.Spec.VolumeName}, &pv, client.UnsafeDisableDeepCopy)
	if err != nil || pv.Status.Phase != corev1.VolumeBound || seen == nil && !claims.MadeFor(&pv, pvc) {
		return time.Time{}
	}
	if at := pv.Status.LastPhaseTransitionTime; at != nil {
		return at.Time
	}
	return ptr.Deref(seen, metav1.Time{}).Time
}

// startedPod returns the pod that runs on the claim; nil: there is none, or it was told. One
// that began to run before the claim was there, and is not gone yet, ran on another.
func (r *Reconciler) startedPod(pvc *corev1.PersistentVolumeClaim, story tracing.Story, bound time.Time, pods func() []corev1.Pod) *corev1.Pod {
	if r.Clock.Since(bound) > awaitPod || r.traces.told.Has(story, tracing.Past{Name: tracing.SpanPodStart, Of: string(pvc.UID)}) {
		return nil
	}
	all := pods()
	for i := range all {
		if pod := &all[i]; snapshots.Mounts(pod, pvc.Name) && !startedAt(pod).IsZero() && !startedAt(pod).Before(pvc.CreationTimestamp.Time) {
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
