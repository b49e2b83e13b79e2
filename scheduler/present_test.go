package scheduler

import (
	"context"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	snapbackapi "github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/scheduler/turns"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestNothingIsTakenOfAClaimThatIsGone has a cache that is behind: its claim was deleted,
// or replaced by another one of its name.
func TestNothingIsTakenOfAClaimThatIsGone(t *testing.T) {
	known := snapshotstest.StatefulSetClaim("kafka", 0).Obj()
	known.UID = "first"
	terminating, replaced := known.DeepCopy(), known.DeepCopy()
	terminating.DeletionTimestamp, terminating.Finalizers = &metav1.Time{Time: ten}, []string{"kubernetes.io/pvc-protection"}
	replaced.UID = "second"
	for what, test := range map[string]struct {
		live  *corev1.PersistentVolumeClaim
		taken bool
	}{
		"there":       {known, true},
		"gone":        {nil, false},
		"terminating": {terminating, false},
		"replaced":    {replaced, false},
	} {
		t.Run(what, func(t *testing.T) {
			builder := fake.NewClientBuilder().WithScheme(snapbackapi.NewScheme())
			if test.live != nil {
				builder.WithObjects(test.live)
			}
			c := builder.Build()
			clock := clockwork.NewFakeClockAt(ten)
			r := &Reconciler{watched: knowing(), Client: c, APIReader: c, Clock: clock}
			b := snapshots.Backup{Namespace: known.Namespace, Name: "hourly", Cluster: "kafka", Class: "class"}
			v, _ := snapshots.Identify(known.Namespace, known, nil)
			result := Result{Scheduled: ten, Skipped: map[string]string{}, Failed: map[string]error{}}
			var all turns.Turns
			turn, err := all.Wait(t.Context(), clock, turns.Run{Backup: b.Key(), Class: "class", Scheduled: ten, Size: 1, Until: ten.Add(time.Hour)})
			if err != nil {
				t.Fatal(err)
			}
			r.take(t.Context(), b, snapshots.Cluster{}, []task{{Claim: claims.Claim{Volume: v, PVC: known}, pv: &corev1.PersistentVolume{}}}, turn, &result)
			if len(result.Failed) > 0 || len(result.Created) == 1 != test.taken || (result.Skipped[known.Name] != "") == test.taken {
				t.Errorf("%+v", result)
			}
			var made snapshotv1.VolumeSnapshotList
			if err := c.List(t.Context(), &made); err != nil || len(made.Items) == 1 != test.taken {
				t.Errorf("%d snapshots were made (error: %v)", len(made.Items), err)
			}
		})
	}
}

// TestPresentAsksOnce has a run of many claims, and one that takes long.
func TestPresentAsksOnce(t *testing.T) {
	asked := 0
	builder := fake.NewClientBuilder().WithScheme(snapbackapi.NewScheme()).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			asked++
			return c.List(ctx, list, options...)
		}})
	var tasks []task
	for broker := range 3 {
		pvc := snapshotstest.StrimziClaim("kafka", "pool", broker, 0).Obj()
		v, _ := snapshots.Identify(pvc.Namespace, pvc, nil)
		tasks = append(tasks, task{Claim: claims.Claim{Volume: v, PVC: pvc}})
		builder.WithObjects(pvc)
	}
	clock := clockwork.NewFakeClockAt(ten)
	r := &Reconciler{APIReader: builder.Build(), Clock: clock}
	p := r.present(snapshotstest.Namespace, tasks)
	if len(p.labels) == 0 {
		t.Error("claims of other clusters are listed")
	}
	if mixed := r.present(snapshotstest.Namespace, append(tasks, task{})); len(mixed.labels) > 0 {
		t.Errorf("only claims with %v are listed", mixed.labels)
	}
	for want := range 2 {
		for _, task := range tasks {
			if err := p.check(t.Context(), task.PVC); err != nil {
				t.Fatal(err)
			}
		}
		if asked != want+1 {
			t.Errorf("asked %d times, want %d", asked, want+1)
		}
		clock.Advance(presentFor + time.Second)
	}
}

// TestPresentFailsOnce has an apiserver that lets each list of claims hang. The claims of
// a run wait for one of them, not for one each; a later one asks again.
func TestPresentFailsOnce(t *testing.T) {
	asked, away := 0, true
	clock := clockwork.NewFakeClockAt(ten)
	pvc := snapshotstest.StrimziClaim("kafka", "pool", 0, 0).Obj()
	c := fake.NewClientBuilder().WithScheme(snapbackapi.NewScheme()).WithObjects(pvc).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			asked++
			if away {
				clock.Advance(createTimeout)
				return context.DeadlineExceeded
			}
			return c.List(ctx, list, options...)
		}}).Build()
	r := &Reconciler{APIReader: c, Clock: clock}
	p := r.present(snapshotstest.Namespace, nil)
	for range 3 {
		if err := p.check(t.Context(), pvc); !passing(err) {
			t.Errorf("%v: the run is not tried again", err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	away = false
	clock.Advance(presentFor + time.Second)
	if err := p.check(t.Context(), pvc); err != nil || asked != 2 {
		t.Errorf("asked %d times, then: %v", asked, err)
	}
}
