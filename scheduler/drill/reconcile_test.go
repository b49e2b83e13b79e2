package drill

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// world is Kafka clusters of one broker each with a snapshot, whose drills are due.
type world struct {
	*testing.T
	client.Client
	r *Reconciler
}

func newWorld(t *testing.T, clusters ...string) *world {
	t.Helper()
	b := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithObjects(
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kafka"}},
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "system", Name: "self"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "drills", Image: "snapback"}}}})
	for _, of := range clusters {
		claim := snapshotstest.StrimziClaim(of, "broker", 0, 0).Class("fast")
		backup := snapshotstest.NewBackup("of-"+of, of, "class").Spec(func(s *v1alpha1.KafkaBackupSpec) { s.Drill = &v1alpha1.DrillSpec{Schedule: "@every 24h"} })
		kb := backup.Obj()
		kb.CreationTimestamp, kb.UID = metav1.NewTime(noon), types.UID("uid-of-"+of)
		b = b.WithObjects(kb, claim.Obj(), snapshotstest.NewSnapshot(claim, backup, "driver", after(1)).Ready().Obj())
	}
	c := b.WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
			o.SetCreationTimestamp(metav1.NewTime(after(24))) // as the apiserver does
			return c.Create(ctx, o, options...)
		},
	}).Build()
	return &world{t, c, &Reconciler{
		Client: c, APIReader: c, Mapper: c.RESTMapper(), Recorder: events.NewFakeRecorder(100), Clock: clockwork.NewFakeClockAt(after(24)),
		Self: types.NamespacedName{Namespace: "system", Name: "self"}, Parallel: 1,
	}}
}

// reconcile returns when the cluster is looked at again.
func (w *world) reconcile(cluster string) time.Duration {
	w.Helper()
	result, err := w.r.Reconcile(w.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "kafka", Name: cluster}})
	if err != nil {
		w.Fatal(err)
	}
	return result.RequeueAfter
}

// drills returns the claims of drills.
func (w *world) drills() []corev1.PersistentVolumeClaim {
	w.Helper()
	found, err := w.r.drillClaims(w.Context(), "")
	if err != nil {
		w.Fatal(err)
	}
	return found
}

func TestParallel(t *testing.T) {
	w := newWorld(t, "one", "two")
	w.reconcile("one")
	if again := w.reconcile("two"); len(w.drills()) != 1 || again != waitForTurn {
		t.Errorf("the second one waits: %d drills, %s", len(w.drills()), again)
	}
	w.r.Parallel = 2
	w.reconcile("two")
	if len(w.drills()) != 2 {
		t.Errorf("%d drills, want 2", len(w.drills()))
	}
}

func TestNoDrillOfLostClusters(t *testing.T) {
	w := newWorld(t, "one")
	backup := snapshotstest.NewBackup("of-one", "one", "class")
	second := snapshotstest.StrimziClaim("one", "broker", 1, 0)
	if err := w.Create(t.Context(), snapshotstest.NewSnapshot(second, backup, "driver", after(1)).Ready().Obj()); err != nil {
		t.Fatal(err)
	}
	if again := w.reconcile("one"); len(w.drills()) != 0 || again != waitForRestore {
		t.Errorf("a claim of the last run is gone: %d drills, %s", len(w.drills()), again)
	}
	if err := w.Create(t.Context(), second.Obj()); err != nil {
		t.Fatal(err)
	}
	w.reconcile("one")
	if len(w.drills()) != 1 {
		t.Error("it is back, and a drill is due")
	}
}

// TestLongName drills a cluster whose name does not fit into a label.
func TestLongName(t *testing.T) {
	long := strings.Repeat("long-", 20) + "name"
	w := newWorld(t, long)
	request := requestFor(snapshots.Backup{Namespace: "kafka", Cluster: long})[0]
	w.reconcile(request.Name)
	found := w.drills()
	if len(found) != 1 || found[0].Labels[v1alpha1.LabelDrill] != request.Name {
		t.Fatalf("one drill expected: %v", found)
	}
	if w.reconcile(request.Name) != waitForStep || len(w.drills()) != 1 {
		t.Error("the drill has not gone on")
	}
}

// TestVolumeOfOthers binds the claim of a drill to a volume that has data of somebody:
// it must be kept.
func TestVolumeOfOthers(t *testing.T) {
	w := newWorld(t, "one")
	w.reconcile("one")
	pvc := w.drills()[0]
	pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "precious"}}
	pv.Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimDelete
	pv.Spec.ClaimRef = &corev1.ObjectReference{Namespace: "kafka", Name: pvc.Name, UID: pvc.UID}
	if err := w.Create(t.Context(), pv); err != nil {
		t.Fatal(err)
	}
	pvc.Spec.VolumeName, pvc.Status.Phase = pv.Name, corev1.ClaimBound
	if err := w.Update(t.Context(), &pvc); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.reconcile("one")
	}
	if err := w.Get(t.Context(), client.ObjectKeyFromObject(&pvc), &pvc); !apierrors.IsNotFound(err) {
		t.Errorf("the claim is left: %v", err)
	}
	if err := w.Get(t.Context(), client.ObjectKeyFromObject(pv), pv); err != nil || pv.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimRetain {
		t.Errorf("the volume would be deleted: %s, %v", pv.Spec.PersistentVolumeReclaimPolicy, err)
	}
}

// TestReportBeforeDeletion lets a snapshot change just before the report is written to
// it: nothing is deleted before the report is there.
func TestReportBeforeDeletion(t *testing.T) {
	w := newWorld(t, "one")
	w.reconcile("one")
	pvc := w.drills()[0]
	pvc.Status.Phase = corev1.ClaimLost
	if err := w.Status().Update(t.Context(), &pvc); err != nil {
		t.Fatal(err)
	}
	conflicts := 1
	w.r.Client = interceptor.NewClient(w.Client.(client.WithWatch), interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, patch client.Patch, options ...client.PatchOption) error {
			if conflicts--; conflicts >= 0 {
				return apierrors.NewConflict(schema.GroupResource{Resource: "volumesnapshots"}, o.GetName(), nil)
			}
			return c.Patch(ctx, o, patch, options...)
		},
	})
	w.reconcile("one")
	if len(w.drills()) != 1 {
		t.Fatal("the claim was deleted without a report")
	}
	w.reconcile("one")
	if len(w.drills()) != 0 || w.reconcile("one") < waitForTurn || len(w.drills()) != 0 {
		t.Errorf("the drill has failed, and the next one is not due: %v", w.drills())
	}
}

// TestChangedLabels has a policy of the cluster that writes its own label on every
// claim: a drill whose claim is not found again must not leave it behind.
func TestChangedLabels(t *testing.T) {
	w := newWorld(t, "one")
	w.r.Client = interceptor.NewClient(w.Client.(client.WithWatch), interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
			o.SetLabels(map[string]string{v1alpha1.LabelManagedBy: "platform", v1alpha1.LabelDrill: "one"})
			return c.Create(ctx, o, options...)
		},
	})
	w.reconcile("one")
	var claims corev1.PersistentVolumeClaimList
	if err := w.List(t.Context(), &claims, client.HasLabels{v1alpha1.LabelDrill}); err != nil || len(claims.Items) != 0 {
		t.Errorf("left: %v, %v", claims.Items, err)
	}
	if w.reconcile("one") < waitForTurn {
		t.Error("the drill has failed, and the next one is not due")
	}
}

// TestDefaultClass has a snapshot that does not say its class: a volume of people that
// is of the default one would be bound in place of a restored one.
func TestDefaultClass(t *testing.T) {
	w := newWorld(t, "one")
	var taken snapshotv1.VolumeSnapshotList
	if err := w.List(t.Context(), &taken); err != nil {
		t.Fatal(err)
	}
	delete(taken.Items[0].Annotations, v1alpha1.AnnotationStorageClassName)
	if err := w.Update(t.Context(), &taken.Items[0]); err != nil {
		t.Fatal(err)
	}
	pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "precious"}}
	pv.Spec.StorageClassName, pv.Status.Phase = "default", corev1.VolumeAvailable
	pv.Spec.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("100Gi")}
	if err := w.Create(t.Context(), pv); err != nil {
		t.Fatal(err)
	}
	w.r.Client = interceptor.NewClient(w.Client.(client.WithWatch), interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
			if pvc, ok := o.(*corev1.PersistentVolumeClaim); ok && pvc.Spec.StorageClassName == nil { // as the apiserver does
				pvc.Spec.StorageClassName = ptr.To("default")
			}
			return c.Create(ctx, o, options...)
		},
	})
	if w.reconcile("one"); len(w.drills()) != 0 {
		t.Error("the claim would be bound to the volume of somebody else")
	}
	if err := w.Delete(t.Context(), pv); err != nil {
		t.Fatal(err)
	}
	w.r.Clock = clockwork.NewFakeClockAt(after(48))
	if w.reconcile("one"); len(w.drills()) != 1 || *w.drills()[0].Spec.StorageClassName != "default" {
		t.Errorf("a drill of the default class expected: %v", w.drills())
	}
}
