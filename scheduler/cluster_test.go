package scheduler

import (
	"context"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	snapbackapi "github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
	"github.com/snapback-dev/snapback/snapshots/watched"
)

var created = time.Date(2026, 2, 21, 19, 5, 33, 0, time.UTC)

// knowing returns a watch that knows those of the objects that are snapshots.
func knowing(objects ...client.Object) *watched.Snapshots {
	var all []*snapshotv1.VolumeSnapshot
	for _, o := range objects {
		if vs, ok := o.(*snapshotv1.VolumeSnapshot); ok {
			all = append(all, vs)
		}
	}
	return watched.NewStaticSnapshots(snapshots.Snapshot.Watched, all...)
}

// seeing returns a scheduler whose cache has these objects and a KafkaBackup, and
// its view of that KafkaBackup.
func seeing(t *testing.T, kb *v1alpha1.KafkaBackup, objects ...client.Object) (*Reconciler, view) {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: snapshotstest.Namespace}}
	b := fake.NewClientBuilder().WithScheme(snapbackapi.NewScheme()).WithObjects(append(objects, namespace, kb)...)
	c := b.Build()
	r := &Reconciler{watched: knowing(objects...), Client: c, APIReader: c, Mapper: c.RESTMapper(), Clock: clockwork.NewFakeClockAt(created)}
	seen, err := r.look(t.Context(), kb)
	if err != nil {
		t.Fatal(err)
	}
	return r, seen
}

// TestNewestSnapshotSays has an annotation that only the volume's newest snapshot
// has kept. The webhook uses it, and so must the conditions.
func TestNewestSnapshotSays(t *testing.T) {
	broker := snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").Named("broker")
	silent := snapshotstest.NewBackup("hourly", "kafka", "class")
	for name, test := range map[string]struct {
		newest         string // value of its annotation restore
		notIntercepted bool
		mistaken       bool
	}{
		"nothing":   {},
		"an opt-in": {newest: v1alpha1.ValueLatest, notIntercepted: true},
		"a mistake": {newest: "yes", mistaken: true},
	} {
		older := snapshotstest.NewSnapshot(broker, silent, "driver", created.Add(-2*time.Hour)).Ready()
		newest := snapshotstest.NewSnapshot(broker, silent, "driver", created.Add(-time.Hour)).Ready()
		if test.newest != "" {
			newest.Annotate(v1alpha1.AnnotationRestore, test.newest)
		}
		kb := silent.Obj()
		r, seen := seeing(t, kb, broker.Obj(), older.Obj(), newest.Obj())
		e := &examination{Reconciler: r, kb: kb, seen: seen, now: created}
		if err := e.keepStanding(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := meta.IsStatusConditionTrue(kb.Status.Conditions, v1alpha1.ConditionNotIntercepted); got != test.notIntercepted {
			t.Errorf("%s: NotIntercepted is %t, want %t", name, got, test.notIntercepted)
		}
		if ready := readiness(kb, seen, job{}, nil); (ready.Reason == string(v1alpha1.ReasonInvalidAnnotation)) != test.mistaken {
			t.Errorf("%s: %s: %s", name, ready.Reason, ready.Message)
		}
	}
}

// TestGoodSnapshots compares the metrics with the good snapshots that status and
// doctor report.
func TestGoodSnapshots(t *testing.T) {
	for name, test := range snapshotstest.GoodCases(created) {
		objects := []client.Object{test.Claim.Obj()}
		for _, s := range test.Snapshots {
			objects = append(objects, s.Obj())
		}
		kb := snapshotstest.NewBackup("hourly", "kafka", "class").Obj()
		r, seen := seeing(t, kb, objects...)
		r.figures.observeGood(kb, seen.included, r.good(t.Context(), seen))
		got := r.figures.of[client.ObjectKeyFromObject(kb)]
		want, unprotected := time.Time{}, 1.0
		if test.Good != nil {
			want, unprotected = scheduledTime(t, test.Good.Obj()), 0
		}
		if !got.recoveryPoint.Equal(want) || !got.newest.Equal(want) || got.unprotected != unprotected {
			t.Errorf("%s: the recovery point is %s, %f are unprotected, want %s, %f", name, got.recoveryPoint, got.unprotected, want, unprotected)
		}
	}
}

func scheduledTime(t *testing.T, vs *snapshotv1.VolumeSnapshot) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, vs.Annotations[v1alpha1.AnnotationScheduledTime])
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// emptyCache is a client that finds every object by name, and lists none.
type emptyCache struct{ client.Client }

func (emptyCache) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return nil
}

func (emptyCache) List(context.Context, client.ObjectList, ...client.ListOption) error { return nil }

// TestDeletedDuringItsRun deletes a KafkaBackup during its run. The snapshots of
// the run must still be opted in, or a claim that is created later would start
// empty.
func TestDeletedDuringItsRun(t *testing.T) {
	b, err := snapshots.NewBackup(snapshotstest.NewBackup("hourly", "kafka", "class").Annotate(v1alpha1.AnnotationRestore, "latest").Obj())
	if err != nil {
		t.Fatal(err)
	}
	r := &Reconciler{watched: knowing(), Client: emptyCache{}}
	cluster, err := r.cluster(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if policy, err := cluster.PolicyToday(nil); err != nil || !policy.OptedIn() {
		t.Errorf("policy %v (error: %v) of a KafkaBackup that is gone from the cache, opted in expected", policy, err)
	}
}

// watching tells of each read of a PersistentVolume, as verification does.
type watching struct {
	client.Client
	read func()
}

func (w watching) Get(ctx context.Context, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
	if _, ok := o.(*corev1.PersistentVolume); ok {
		w.read()
	}
	return w.Client.Get(ctx, key, o, options...)
}

// TestUnprotectedFromTheFirstLook has a volume without a snapshot: a new leader
// must not say for the time of its first look that all are protected.
func TestUnprotectedFromTheFirstLook(t *testing.T) {
	claim := snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").Named("broker").Obj()
	claim.Spec.VolumeName, claim.Status.Phase = "pv", corev1.ClaimBound
	kb := snapshotstest.NewBackup("hourly", "kafka", "class").Obj()
	kb.UID = "hourly"
	r, _ := seeing(t, kb, claim)
	jobs, err := newJobs(clockwork.NewFakeClockAt(created), func(attempt) {})
	if err != nil {
		t.Fatal(err)
	}
	reads := 0
	r.jobs, r.Recorder = jobs, events.NewFakeRecorder(100)
	r.Client = watching{r.Client, func() {
		reads++
		if f := r.figures.of[client.ObjectKeyFromObject(kb)]; f != nil && f.observed && f.unprotected != 1 {
			t.Errorf("%f volumes are unprotected, want 1", f.unprotected)
		}
	}}
	_, err = r.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(kb)})
	if reads == 0 {
		t.Errorf("nothing was verified: %v", err)
	}
}
