package drill

import (
	"context"
	"fmt"
	"slices"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// begin starts the drill of a cluster that is due. It returns when to look again.
func (r *Reconciler) begin(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	seen, err := r.look(ctx, r.Client, key)
	if err != nil {
		return 0, err
	}
	now := r.Clock.Now()
	if due, next := plan(seen.askers, r.drillable(ctx, seen), seen.reports, now); due == nil {
		return r.idle(seen, next, now), nil
	}
	// The cache may not have the last report yet.
	if seen, err = r.look(ctx, r.APIReader, key); err != nil {
		return 0, err
	}
	due, next := plan(seen.askers, r.drillable(ctx, seen), seen.reports, now)
	switch {
	case due == nil:
		return r.idle(seen, next, now), nil
	case seen.restores():
		log.FromContext(ctx).Info("a drill waits: a claim of the cluster is lost or being restored", "lost", seen.lost)
		return waitForRestore, nil
	}
	return r.start(ctx, *due)
}

// idle returns when to look at a cluster again that has no drill due.
func (r *Reconciler) idle(seen view, next, now time.Time) time.Duration {
	switch {
	case len(seen.askers) == 0:
		return 0
	case next.IsZero():
		return resync
	}
	return min(max(next.Sub(now), time.Second), resync)
}

// start creates the claim of a drill, unless there are enough drills already. If it can
// never be created, the drill has failed.
func (r *Reconciler) start(ctx context.Context, t task) (time.Duration, error) {
	r.starting.Lock()
	defer r.starting.Unlock()
	running, err := r.drillClaims(ctx, "")
	if err != nil {
		return 0, err
	}
	if r.turns == nil {
		r.turns = turns{}
	}
	now, cluster := r.Clock.Now(), types.NamespacedName{Namespace: t.asker.Namespace, Name: t.asker.Cluster}
	if !r.turns.take(cluster, r.Parallel-placesTaken(running, now), now) {
		return waitForTurn, nil
	}
	var vs snapshotv1.VolumeSnapshot
	err = r.APIReader.Get(ctx, types.NamespacedName{Namespace: t.asker.Namespace, Name: t.good.Name}, &vs)
	if apierrors.IsNotFound(err) {
		return waitForStep, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read volumesnapshot %s/%s: %w", t.asker.Namespace, t.good.Name, err)
	}
	s, err := snapshots.NewSnapshot(&vs)
	if err != nil || !restorable(s) {
		return waitForStep, nil // it has changed since it was chosen: another is chosen next
	}
	pvc := newClaim(t, &vs)
	f, ended, err := r.create(ctx, pvc, running)
	if err != nil {
		return 0, err
	}
	if ended {
		_, err := r.tell(ctx, t.asker, s, f.unbegun(s, t.due))
		return waitForStep, err
	}
	log.FromContext(ctx).Info("a drill begins", "claim", pvc.Name, "snapshot", s.Name, "due", dueText(t.due))
	return waitForStep, nil
}

// restorable reports whether a claim can be made from the snapshot now.
func restorable(s snapshots.Snapshot) bool {
	return s.Ready && len(snapshots.Candidates([]snapshots.Snapshot{s})) == 1
}

// create creates the claim of a drill beside those that are running. It reports true if
// the drill has failed.
func (r *Reconciler) create(ctx context.Context, pvc *corev1.PersistentVolumeClaim, running []corev1.PersistentVolumeClaim) (finding, bool, error) {
	var pvs corev1.PersistentVolumeList
	if err := r.APIReader.List(ctx, &pvs); err != nil {
		return finding{}, false, fmt.Errorf("list the persistentvolumes: %w", err)
	}
	r.releaseLeftovers(ctx, pvs.Items, running)
	now := r.Clock.Now()
	if pvc.Spec.StorageClassName == nil {
		pvc.Spec.StorageClassName = r.defaultClass(ctx, pvc)
	}
	if other := available(pvs.Items, pvc); other != "" {
		return failed(now, "PersistentVolume %s is Available, of the same class and large enough: Kubernetes would bind the drill's claim to it and ignore the snapshot; use or delete it, or give it another class", other), true, nil
	}
	err := r.Client.Create(ctx, pvc)
	if apierrors.IsAlreadyExists(err) {
		return r.adopt(ctx, pvc)
	}
	size := pvc.Spec.Resources.Requests[corev1.ResourceStorage]
	if isFinal(err) {
		return failed(now, "a claim of %s was refused: %v", size.String(), err), true, nil
	}
	if err != nil {
		return finding{}, false, fmt.Errorf("create claim %s/%s: %w", pvc.Namespace, pvc.Name, err)
	}
	if !isOurs(pvc) { // nobody would ever find it again
		if err := r.Client.Delete(ctx, pvc, client.Preconditions{UID: &pvc.UID}); client.IgnoreNotFound(err) != nil {
			return finding{}, false, fmt.Errorf("delete claim %s/%s, whose labels were changed: %w", pvc.Namespace, pvc.Name, err)
		}
		return failed(now, "a policy of this cluster changes the label %s or %s of the drill's claim: except it from that",
			v1alpha1.LabelManagedBy, v1alpha1.LabelDrill), true, nil
	}
	return finding{}, false, nil
}

// defaultClass returns the class that the apiserver would give a claim without one;
// nil: there is none, or the claim is refused, which its creation tells.
func (r *Reconciler) defaultClass(ctx context.Context, pvc *corev1.PersistentVolumeClaim) *string {
	tried := pvc.DeepCopy()
	if err := r.Client.Create(ctx, tried, client.DryRunAll); err != nil {
		return nil
	}
	return tried.Spec.StorageClassName
}

// adopt accepts an existing claim as the one of the drill if it looks like it.
func (r *Reconciler) adopt(ctx context.Context, want *corev1.PersistentVolumeClaim) (finding, bool, error) {
	var have corev1.PersistentVolumeClaim
	if err := r.APIReader.Get(ctx, client.ObjectKeyFromObject(want), &have); err != nil {
		return finding{}, false, client.IgnoreNotFound(fmt.Errorf("read existing claim %s/%s: %w", want.Namespace, want.Name, err))
	}
	if !isSame(&have, want) {
		return failed(r.Clock.Now(), "claim %s exists and is not the drill's: delete it", want.Name), true, nil
	}
	return finding{}, false, nil
}

// isFinal reports whether an error of a create says that it is not allowed, such as by
// a quota: to repeat it at once does not help.
func isFinal(err error) bool {
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return false
	}
	return apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err)
}

// drillClaims lists the claims of drills from the apiserver. An empty namespace means
// all namespaces.
func (r *Reconciler) drillClaims(ctx context.Context, namespace string, of ...client.ListOption) ([]corev1.PersistentVolumeClaim, error) {
	var found corev1.PersistentVolumeClaimList
	options := append([]client.ListOption{client.InNamespace(namespace), client.HasLabels{v1alpha1.LabelDrill},
		client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}}, of...)
	if err := r.APIReader.List(ctx, &found, options...); err != nil {
		return nil, fmt.Errorf("list the claims of drills: %w", err)
	}
	return slices.DeleteFunc(found.Items, func(pvc corev1.PersistentVolumeClaim) bool { return !isOurs(&pvc) }), nil
}
