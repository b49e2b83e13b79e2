package world

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots"
)

// Settle puts everything right that people may have left as it should not stay: what
// is suspended, frozen, opted out, scaled down, without its class, or half restored, and of a
// class so slow that a snapshot is hardly ready when the next one is due.
func (w *World) Settle(ctx context.Context) error {
	errs := []error{w.make(ctx, slowClass()), w.make(ctx, w.class.DeepCopy())}
	for _, c := range w.Layout.Clusters {
		errs = append(errs,
			w.ChangeSpec(ctx, c.Namespace, func(s *v1alpha1.KafkaBackupSpec) { s.Suspend, s.VolumeSnapshotClassName = false, cluster.SnapshotClass }),
			w.Annotate(ctx, w.KafkaBackup(c.Namespace), v1alpha1.AnnotationFreeze, nil),
			w.Annotate(ctx, w.KafkaBackup(c.Namespace), v1alpha1.AnnotationRestore, v1alpha1.ValueLatest),
			w.Annotate(ctx, Namespace(c.Namespace), v1alpha1.AnnotationRestore, nil), w.GiveUp(ctx, c))
		for _, v := range c.Volumes {
			w.Wish(v, nil)
		}
	}
	return errors.Join(errs...)
}

// Scale scales the StatefulSet of a cluster.
func (w *World) Scale(ctx context.Context, c plan.Cluster, replicas int) error {
	return w.Change(ctx, statefulSet(c), map[string]any{"spec": map[string]any{"replicas": replicas}})
}

// Namespace is one without what is in it.
func Namespace(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

// Class is a VolumeSnapshotClass as it is when nobody has deleted it.
func (w *World) Class(name string) *snapshotv1.VolumeSnapshotClass {
	if name == SlowSnapshots {
		return slowClass()
	}
	return w.class.DeepCopy()
}

// MakeClass makes a VolumeSnapshotClass again.
func (w *World) MakeClass(ctx context.Context, name string) error { return w.make(ctx, w.Class(name)) }

// keepClass remembers the class that the cluster came with.
func (w *World) keepClass(ctx context.Context) error {
	if err := w.Observer.Get(ctx, client.ObjectKey{Name: cluster.SnapshotClass}, &w.class); err != nil {
		return fmt.Errorf("read VolumeSnapshotClass %s: %w", cluster.SnapshotClass, err)
	}
	w.class.ObjectMeta = metav1.ObjectMeta{Name: w.class.Name, Labels: w.class.Labels, Annotations: w.class.Annotations}
	return nil
}

// A person looks this often for claims that can never be filled, and deletes those that
// have been like that for a while: their operator makes them again.
const (
	tidyEvery   = 3 * time.Second
	longPending = 10 * time.Second
)

// tidy deletes claims that wait for a snapshot whose data was deleted, and sees to
// snapshots that cannot go.
func (w *World) tidy(ctx context.Context) {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var claims corev1.PersistentVolumeClaimList
		if w.People.List(ctx, &claims) != nil {
			continue
		}
		for i := range claims.Items {
			claim := &claims.Items[i]
			if claim.Status.Phase == corev1.ClaimPending && time.Since(claim.CreationTimestamp.Time) > longPending && w.sourceLost(ctx, claim) {
				_ = w.People.Delete(ctx, claim, client.Preconditions{UID: &claim.UID}) // the next look goes on
			}
		}
		w.letGo(ctx, claims.Items)
	}
}

// asSource is the finalizer that csi-provisioner has on a snapshot while it fills a volume
// from it. It tries once to take it off: a conflict leaves it there for good.
const asSource = "provisioner.storage.kubernetes.io/volumesnapshot-as-source-protection"

// letGo takes that finalizer off snapshots that are being deleted and that no claim waits
// for.
func (w *World) letGo(ctx context.Context, claims []corev1.PersistentVolumeClaim) {
	var all snapshotv1.VolumeSnapshotList
	if w.People.List(ctx, &all) != nil {
		return
	}
	for i := range all.Items {
		vs := &all.Items[i]
		gone := vs.DeletionTimestamp
		if gone == nil || time.Since(gone.Time) < longPending || !slices.Contains(vs.Finalizers, asSource) ||
			slices.ContainsFunc(claims, func(c corev1.PersistentVolumeClaim) bool {
				return c.Namespace == vs.Namespace && c.Status.Phase == corev1.ClaimPending && snapshots.SourceOf(&c) == vs.Name
			}) {
			continue
		}
		patch := client.MergeFromWithOptions(vs.DeepCopy(), client.MergeFromWithOptimisticLock{})
		vs.Finalizers = slices.DeleteFunc(vs.Finalizers, func(f string) bool { return f == asSource })
		_ = w.People.Patch(ctx, vs, patch) // the next look goes on
	}
}

// sourceLost reports whether the snapshot that a claim is to be filled from, or its
// content, was deleted.
func (w *World) sourceLost(ctx context.Context, claim *corev1.PersistentVolumeClaim) bool {
	name := snapshots.SourceOf(claim)
	if name == "" {
		return false
	}
	var vs snapshotv1.VolumeSnapshot
	if err := w.People.Get(ctx, client.ObjectKey{Namespace: claim.Namespace, Name: name}, &vs); err != nil {
		return apierrors.IsNotFound(err)
	}
	if vs.Status == nil || ptr.Deref(vs.Status.BoundVolumeSnapshotContentName, "") == "" {
		return vs.DeletionTimestamp != nil
	}
	var content snapshotv1.VolumeSnapshotContent
	return apierrors.IsNotFound(w.People.Get(ctx, client.ObjectKey{Name: *vs.Status.BoundVolumeSnapshotContentName}, &content))
}
