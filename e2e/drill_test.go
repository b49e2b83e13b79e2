package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestDrill drills a good snapshot, and then one of a damaged volume: the next older
// one follows at once.
func TestDrill(t *testing.T) {
	t.Parallel()
	w := newDrillWorld(t, false)
	w.runPods()
	r := w.process(w.drills)
	w.settle(r)
	good := w.newest()
	first, ok := good.Verdict()
	if !ok || first.Result != v1alpha1.DrillSound || first.Records != 100 || first.Partitions != 1 || first.Bytes == 0 {
		t.Fatalf("sound with 100 records expected: %+v", good.Annotations)
	}
	if due := w.backup.GetCreationTimestamp().Add(24 * time.Hour); !first.DueTime.Equal(&metav1.Time{Time: due}) || first.BoundTime == nil || first.MountedTime == nil ||
		first.BoundTime.Before(&first.StartedTime) || first.MountedTime.Before(first.BoundTime) || first.FinishedTime.Before(first.MountedTime) {
		t.Errorf("due at %s, and then one time after the other: %+v", due, first)
	}

	w.clock.Advance(24 * time.Hour)
	older := w.takeSnapshot()
	w.spoil()
	w.takeSnapshot()
	w.settle(r)
	damaged, _ := w.newest().Verdict()
	if damaged.Result != v1alpha1.DrillDamaged || !strings.Contains(damaged.Message, "orders-0") {
		t.Errorf("a damaged partition expected: %+v", w.newest().Annotations)
	}
	next, _ := w.snapshot(older).Verdict()
	if next.Result != v1alpha1.DrillSound || !next.DueTime.Equal(&damaged.DueTime) {
		t.Errorf("the older one is sound, and its drill has the same time: %+v", next)
	}
	if again, _ := w.snapshot(good.Name).Verdict(); !again.FinishedTime.Equal(&first.FinishedTime) {
		t.Errorf("the oldest one was drilled again: %+v", again)
	}
	w.wantEvents(v1alpha1.EventDrillSound, v1alpha1.ReasonSnapshotDamaged, v1alpha1.EventDrillSound)
}

// wantEvents compares the reasons of the Events with those expected.
func (w *drillWorld) wantEvents(reasons ...string) {
	w.Helper()
	var got []string
	for len(w.events.Events) > 0 {
		got = append(got, strings.Fields(<-w.events.Events)[1])
	}
	if fmt.Sprint(got) != fmt.Sprint(reasons) {
		w.Errorf("Events %v, want %v", got, reasons)
	}
}

// TestDrillWaitsForRestore restores a claim of the cluster during a drill: the drill
// is given up, and made again afterwards.
func TestDrillWaitsForRestore(t *testing.T) {
	t.Parallel()
	w := newDrillWorld(t, true)
	r := w.process(w.drills)
	w.reconcileUntil(r, func() error {
		if left := w.left(); len(left) < 2 {
			return fmt.Errorf("a claim and a pod expected: %v", left)
		}
		return nil
	})
	restored := snapshotstest.StrimziClaim("events", "broker", 1, 0).In(w.ns).Class("of-nobody").From(w.newest().Name).Obj()
	create(t, w, restored)
	w.reconcileUntil(r, func() error {
		if left := w.left(); len(left) > 0 {
			return fmt.Errorf("%v is left", left)
		}
		return nil
	})
	if _, err := r.Reconcile(t.Context(), w.key()); err != nil || len(w.left()) > 0 {
		t.Errorf("a drill begins while a claim is restored: %v, %v", w.left(), err)
	}
	if a := w.newest().Annotations; a[v1alpha1.AnnotationVerified]+a[v1alpha1.AnnotationDrillFailed] != "" {
		t.Errorf("a drill that was given up has a report: %v", a)
	}
	if err := w.Delete(t.Context(), restored); err != nil {
		t.Fatal(err)
	}
	w.runPods()
	w.settle(r)
	if v, _ := w.newest().Verdict(); v.Result != v1alpha1.DrillSound {
		t.Errorf("sound expected: %+v", w.newest().Annotations)
	}
}

// TestDrillFails lets drills fail that cannot even begin.
func TestDrillFails(t *testing.T) {
	t.Parallel()
	w := newDrillWorld(t, false)
	r := w.process(w.drills)
	free := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "free-" + w.ns}, Spec: corev1.PersistentVolumeSpec{
		StorageClassName: w.class, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Capacity:               corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
		PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/nowhere"}},
	}}
	create(t, w, free)
	eventually(t, func(ctx context.Context) error {
		if err := w.Get(ctx, client.ObjectKeyFromObject(free), free); err != nil || free.Status.Phase != corev1.VolumeAvailable {
			return fmt.Errorf("volume %s is %s: %w", free.Name, free.Status.Phase, err)
		}
		return nil
	})
	w.settle(r)
	if f, _ := w.newest().FailedDrill(); f.Result != v1alpha1.DrillFailed || !strings.Contains(f.Message, "PersistentVolume "+free.Name+" is Available") {
		t.Errorf("the free volume is in the way: %+v", f)
	}
	if err := w.Delete(t.Context(), free); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		if err := w.Get(ctx, client.ObjectKeyFromObject(free), free); !apierrors.IsNotFound(err) {
			return fmt.Errorf("volume %s is still there: %w", free.Name, err)
		}
		return nil
	})

	w.clock.Advance(24 * time.Hour)
	w.limitStorage("1500Mi")
	w.settle(r)
	if f, _ := w.newest().FailedDrill(); !strings.Contains(f.Message, "a claim of 1Gi was refused") || !strings.Contains(f.Message, "exceeded quota: small") {
		t.Errorf("the quota is too small: %+v", f)
	}
	if err := w.Delete(t.Context(), &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "small"}}); err != nil {
		t.Fatal(err)
	}

	w.clock.Advance(24 * time.Hour)
	w.runPods()
	eventually(t, func(ctx context.Context) error { return w.Create(ctx, w.probe(), client.DryRunAll) })
	w.settle(r)
	if _, failed := w.newest().FailedDrill(); failed {
		t.Errorf("a verdict removes the failure: %+v", w.newest().Annotations)
	}
	w.wantEvents(v1alpha1.ReasonDrillFailed, v1alpha1.ReasonDrillFailed, v1alpha1.EventDrillSound)
}

// probe returns a claim of the size of the drill's.
func (w *drillWorld) probe() *corev1.PersistentVolumeClaim {
	return snapshotstest.PlainClaim("probe").In(w.ns).Class(w.class).Obj()
}

// limitStorage makes a quota of the namespace, and waits until it is in force. No
// controller counts here what is used.
func (w *drillWorld) limitStorage(most string) {
	w.Helper()
	hard := corev1.ResourceList{corev1.ResourceRequestsStorage: resource.MustParse(most)}
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "small"}, Spec: corev1.ResourceQuotaSpec{Hard: hard}}
	create(w.T, w, quota)
	quota.Status = corev1.ResourceQuotaStatus{Hard: hard, Used: corev1.ResourceList{corev1.ResourceRequestsStorage: resource.MustParse("1Gi")}}
	if err := w.Status().Update(w.Context(), quota); err != nil {
		w.Fatal(err)
	}
	eventually(w.T, func(ctx context.Context) error {
		if err := w.Create(ctx, w.probe(), client.DryRunAll); !apierrors.IsForbidden(err) {
			return errors.Join(errors.New("the quota is not in force"), err)
		}
		return nil
	})
}
