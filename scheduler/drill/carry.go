package drill

import (
	"context"
	"fmt"
	"slices"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// carryOn takes the next step of a drill whose claim exists. What there is in the
// cluster says which: nothing else is remembered.
func (r *Reconciler) carryOn(ctx context.Context, seen view, pvc *corev1.PersistentVolumeClaim) error {
	a, wanted := seen.asker(pvc)
	due, err := time.Parse(time.RFC3339, pvc.Annotations[v1alpha1.AnnotationDrillDue])
	switch {
	case !wanted || err != nil || pvc.DeletionTimestamp != nil:
		return r.remove(ctx, pvc)
	case seen.restores():
		log.FromContext(ctx).Info("a drill is given up: a claim of the cluster is lost or being restored", "claim", pvc.Name, "lost", seen.lost)
		return r.remove(ctx, pvc)
	}
	s, there, err := r.source(ctx, pvc)
	if err != nil {
		return err
	}
	if !there {
		r.event(a, corev1.EventTypeWarning, v1alpha1.ReasonDrillFailed,
			fmt.Sprintf("VolumeSnapshot %s was deleted during its drill", snapshots.SourceOf(pvc)))
		return r.remove(ctx, pvc)
	}
	if r.reported(s, due) {
		return r.remove(ctx, pvc)
	}
	return r.step(ctx, seen, a, s, due, pvc)
}

// step creates the pod of a drill, waits for its end, or reports it.
func (r *Reconciler) step(ctx context.Context, seen view, a asker, s snapshots.Snapshot, due time.Time, pvc *corev1.PersistentVolumeClaim) error {
	o := observed{claim: pvc, timeout: snapshots.DrillTimeout(a.spec)}
	var err error
	if o.pv, err = r.volumeOf(ctx, pvc); err != nil {
		return err
	}
	if o.pod, err = r.podOf(ctx, pvc); err != nil {
		return err
	}
	// Now, not at the end: whoever deletes the claim does the same to the volume.
	if err := r.settle(ctx, pvc, o.pv); err != nil {
		log.FromContext(ctx).Error(err, "the volume of a drill is left if its claim is deleted now; trying again")
	}
	f, ended := judge(o, r.Clock.Now())
	if !ended && o.pod == nil {
		f, ended, err = r.createPod(ctx, seen, a, s, o)
	}
	if err != nil || !ended {
		return err
	}
	told, err := r.tell(ctx, a, s, f.report(s, due, o, r.Clock.Now()))
	if isFinal(err) { // without a report the same drill would be due again
		r.event(a, corev1.EventTypeWarning, v1alpha1.ReasonDrillFailed, fmt.Sprintf("Claim %s stays, since what its drill found cannot be written: %v", pvc.Name, err))
	}
	if err != nil || !told {
		return err
	}
	return r.remove(ctx, pvc)
}

// source reads the snapshot that a drill's claim is made from, and reports false if
// it is gone.
func (r *Reconciler) source(ctx context.Context, pvc *corev1.PersistentVolumeClaim) (snapshots.Snapshot, bool, error) {
	var vs snapshotv1.VolumeSnapshot
	key := types.NamespacedName{Namespace: pvc.Namespace, Name: snapshots.SourceOf(pvc)}
	err := r.APIReader.Get(ctx, key, &vs)
	if apierrors.IsNotFound(err) {
		return snapshots.Snapshot{}, false, nil
	}
	if err != nil {
		return snapshots.Snapshot{}, false, fmt.Errorf("read volumesnapshot %s: %w", key, err)
	}
	s, err := snapshots.NewSnapshot(&vs)
	return s, err == nil || s.Unreadable != "", nil // what somebody has made of it since does not matter here
}

// reported reports whether the drill of this snapshot and time has its report. A
// process may have ended just after it had written it.
func (r *Reconciler) reported(s snapshots.Snapshot, due time.Time) bool {
	return slices.ContainsFunc(snapshots.DrillReports([]snapshots.Snapshot{s}, nil, r.Clock.Now()), func(report v1alpha1.DrillReport) bool {
		return report.DueTime.Equal(&metav1.Time{Time: due})
	})
}

// volumeOf reads the volume of a drill's claim; nil: it has none yet, or it is gone.
func (r *Reconciler) volumeOf(ctx context.Context, pvc *corev1.PersistentVolumeClaim) (*corev1.PersistentVolume, error) {
	if pvc.Spec.VolumeName == "" {
		return nil, nil
	}
	return r.volume(ctx, pvc.Spec.VolumeName)
}

func (r *Reconciler) volume(ctx context.Context, name string) (*corev1.PersistentVolume, error) {
	var pv corev1.PersistentVolume
	if err := r.APIReader.Get(ctx, types.NamespacedName{Name: name}, &pv); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	return &pv, nil
}

// podOf reads the pod of a drill's claim; nil: it does not exist.
func (r *Reconciler) podOf(ctx context.Context, pvc *corev1.PersistentVolumeClaim) (*corev1.Pod, error) {
	var pod corev1.Pod
	err := r.APIReader.Get(ctx, client.ObjectKeyFromObject(pvc), &pod)
	if err == nil && isOurs(&pod) && ownedBy(&pod, pvc.UID) {
		return &pod, nil
	}
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("read pod %s: %w", client.ObjectKeyFromObject(pvc), err)
	}
	return nil, nil
}

func ownedBy(o metav1.Object, uid types.UID) bool {
	return slices.ContainsFunc(o.GetOwnerReferences(), func(owner metav1.OwnerReference) bool { return owner.UID == uid })
}

// createPod creates the pod of a drill. It reports true if the drill has failed.
func (r *Reconciler) createPod(ctx context.Context, seen view, a asker, s snapshots.Snapshot, o observed) (finding, bool, error) {
	own, err := readSelf(ctx, r.APIReader, r.Self)
	if err != nil {
		return finding{}, false, err
	}
	var pods corev1.PodList
	if err := r.APIReader.List(ctx, &pods, client.InNamespace(a.Namespace)); err != nil {
		return finding{}, false, fmt.Errorf("list the pods of namespace %s: %w", a.Namespace, err)
	}
	names := seen.claimsOf(s)
	broker := brokerPod(pods.Items, names)
	now := r.Clock.Now()
	pod := newPod(o.claim, own, userFor(a.spec.SecurityContext, broker, names, own.user), broker, o.deadline().Sub(now))
	err = r.Client.Create(ctx, pod)
	switch {
	case apierrors.IsAlreadyExists(err):
		return finding{}, false, fmt.Errorf("pod %s exists and is not of this drill: delete it", client.ObjectKeyFromObject(pod))
	case isFinal(err):
		return failed(now, "the pod was refused: %v", err), true, nil
	case err != nil:
		return finding{}, false, fmt.Errorf("create pod %s: %w", client.ObjectKeyFromObject(pod), err)
	}
	return finding{}, false, nil
}
