package scheduler

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
	"github.com/snapback-dev/snapback/snapshots/watched"
)

// heldCache is a client of a few kinds that copies objects where the real cache does. A
// write changes nothing but the KafkaBackup's status, and is counted.
type heldCache struct {
	client.Client // nil: what is not modelled panics
	backup        *v1alpha1.KafkaBackup
	pvcs          []corev1.PersistentVolumeClaim
	volumes       map[string]*corev1.PersistentVolume
	writes        int
}

func (c *heldCache) Get(_ context.Context, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
	var o client.GetOptions
	o.ApplyOptions(opts)
	switch into := into.(type) {
	case *v1alpha1.KafkaBackup:
		*into = *c.backup.DeepCopy()
	case *corev1.Namespace:
		into.Name = key.Name
	case *snapshotv1.VolumeSnapshotClass:
		into.Name = key.Name
	case *corev1.PersistentVolume:
		pv := c.volumes[key.Name]
		if !ptr.Deref(o.UnsafeDisableDeepCopy, false) {
			pv = pv.DeepCopy()
		}
		*into = *pv
	case *corev1.ConfigMap:
		return apierrors.NewNotFound(schema.GroupResource{Resource: "configmaps"}, key.Name)
	default:
		panic(fmt.Sprintf("get %T", into))
	}
	return nil
}

func (c *heldCache) List(_ context.Context, into client.ObjectList, _ ...client.ListOption) error {
	switch into := into.(type) {
	case *corev1.PersistentVolumeClaimList:
		into.Items = append([]corev1.PersistentVolumeClaim(nil), c.pvcs...)
	case *v1alpha1.KafkaBackupList:
		into.Items = []v1alpha1.KafkaBackup{*c.backup.DeepCopy()}
	case *admissionregistrationv1.MutatingWebhookConfigurationList:
		into.Items = []admissionregistrationv1.MutatingWebhookConfiguration{{Webhooks: []admissionregistrationv1.MutatingWebhook{{Name: "all"}}}}
	case *corev1.ConfigMapList, *appsv1.StatefulSetList, *snapshotv1.VolumeSnapshotClassList:
	default:
		panic(fmt.Sprintf("list %T", into))
	}
	return nil
}

func (c *heldCache) Status() client.SubResourceWriter { return heldStatus{cache: c} }

type heldStatus struct {
	client.SubResourceWriter
	cache *heldCache
}

func (s heldStatus) Patch(_ context.Context, o client.Object, _ client.Patch, _ ...client.SubResourcePatchOption) error {
	s.cache.writes++
	s.cache.backup.Status = *o.(*v1alpha1.KafkaBackup).Status.DeepCopy()
	return nil
}

// settled is a scheduler with one KafkaBackup of so many volumes that has taken so many
// snapshots of each, one an hour. All are ready, and the retention keeps them.
func settled(t testing.TB, volumes, each int) (*Reconciler, *heldCache, reconcile.Request) {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Second) // conditions take their times from there
	created := now.Add(-time.Duration(each) * time.Hour)
	of := snapshotstest.NewBackup("hourly", "kafka", "class").Annotate(v1alpha1.AnnotationRestore, "latest")
	cache := &heldCache{backup: of.Obj(), volumes: map[string]*corev1.PersistentVolume{}}
	cache.backup.UID, cache.backup.CreationTimestamp = "hourly", metav1.NewTime(created)
	cache.backup.Spec.RetentionCount = ptr.To(int32(each + 10))
	var all []*snapshotv1.VolumeSnapshot
	for i := range volumes {
		claim := snapshotstest.KoperatorClaim("kafka", i, "/kafka-logs").Named(fmt.Sprintf("broker-%d", i))
		pvc := claim.Obj()
		pvc.UID = types.UID(fmt.Sprintf("00000000-0000-0000-0000-%012d", i))
		pvc.CreationTimestamp = metav1.NewTime(created.Add(-time.Hour))
		pvc.Spec.VolumeName, pvc.Status.Phase = "pvc-"+string(pvc.UID), corev1.ClaimBound
		cache.pvcs = append(cache.pvcs, *pvc)
		cache.volumes[pvc.Spec.VolumeName] = &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: pvc.Spec.VolumeName,
			Annotations: map[string]string{claims.AnnotationProvisionedBy: "driver"}}}
		for n := range each {
			vs := snapshotstest.NewSnapshot(claim, of, "driver", created.Add(time.Duration(n+1)*time.Hour)).Ready().Obj()
			vs.ResourceVersion = fmt.Sprint(i*each + n)
			vs.Annotations[v1alpha1.AnnotationSourcePVCUID], vs.Annotations[v1alpha1.AnnotationLineage] = string(pvc.UID), string(pvc.UID)
			all = append(all, vs)
		}
	}
	clock := clockwork.NewFakeClockAt(now)
	jobs, err := newJobs(clock, func(attempt) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = jobs.gocron.Shutdown() })
	r := &Reconciler{Client: cache, APIReader: cache, Mapper: meta.NewDefaultRESTMapper(nil), Recorder: &events.FakeRecorder{}, Clock: clock,
		jobs: jobs, watched: watched.NewStaticSnapshots(snapshots.Snapshot.Watched, all...)}
	return r, cache, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(cache.backup)}
}

func look1(t testing.TB, r *Reconciler, request reconcile.Request) {
	t.Helper()
	if _, err := r.Reconcile(t.Context(), request); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkLook looks at a KafkaBackup of which nothing has changed.
func BenchmarkLook(b *testing.B) {
	for _, size := range []struct{ volumes, each int }{{10, 24}, {100, 100}, {1000, 24}} {
		b.Run(fmt.Sprintf("%dx%d", size.volumes, size.each), func(b *testing.B) {
			r, _, request := settled(b, size.volumes, size.each)
			look1(b, r, request)
			b.ReportAllocs()
			begun, n := cpuTime(b), 0
			for b.Loop() {
				look1(b, r, request)
				n++
			}
			b.ReportMetric(float64((cpuTime(b)-begun).Microseconds())/1000/float64(n), "cpu-ms/op")
		})
	}
}

// cpuTime is what the process has used so far, also for the collection of garbage.
// Unlike the time that passes, it does not depend on what else runs.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestStatusIsWrittenWhenItChanges looks several times while only the time changes.
func TestStatusIsWrittenWhenItChanges(t *testing.T) {
	r, cache, request := settled(t, 5, 4)
	clock := r.Clock.(*clockwork.FakeClock)
	look1(t, r, request)
	if cache.writes != 1 {
		t.Errorf("%d writes in the first look, want 1: %+v", cache.writes, cache.backup.Status)
	}
	first := cache.backup.Status.DeepCopy()
	for range 10 {
		clock.Advance(resync)
		look1(t, r, request)
	}
	if cache.writes != 1 {
		t.Errorf("%d more writes while nothing changed:\n%+v\n%+v", cache.writes-1, *first, cache.backup.Status)
	}
}
