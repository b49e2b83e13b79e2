package scheduler

import (
	"errors"
	"slices"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func someTask(broker, slot, driver string, role snapshots.Role) task {
	return task{
		Claim: claims.Claim{
			Volume: snapshots.Volume{Node: broker, Slot: slot, Role: role},
			PVC:    &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: broker + "-" + slot}},
		},
		pv: &corev1.PersistentVolume{Spec: corev1.PersistentVolumeSpec{PersistentVolumeSource: corev1.PersistentVolumeSource{
			CSI: &corev1.CSIPersistentVolumeSource{Driver: driver}}}},
	}
}

func names(tasks []task) []string {
	var all []string
	for _, t := range tasks {
		all = append(all, t.PVC.Name)
	}
	return all
}

func TestOrder(t *testing.T) {
	skipped, broken := someTask("4", "a", "fast", snapshots.RoleBroker), someTask("5", "a", "fast", snapshots.RoleBroker)
	skipped.skip, broken.err = "is being deleted", errors.New("no such volume")
	tasks := []task{
		someTask("2", "b", "fast", snapshots.RoleBroker), someTask("1", "a", "slow", snapshots.RoleBroker), someTask("3", "a", "fast", snapshots.RoleController),
		someTask("2", "a", "fast", snapshots.RoleBroker), someTask("0", "a", "fast", snapshots.RoleCombined), someTask("1", "b", "fast", snapshots.RoleBroker),
		someTask("6", "a", "fast", snapshots.RoleZooKeeper), skipped, broken,
	}
	inOrder(tasks)
	brokers, quorum := halves(tasks)
	if got, want := names(brokers), []string{"1-a", "1-b", "2-a", "2-b", "4-a", "5-a"}; !slices.Equal(got, want) {
		t.Errorf("brokers %v, want %v", got, want)
	}
	if got, want := names(quorum), []string{"0-a", "3-a", "6-a"}; !slices.Equal(got, want) {
		t.Errorf("quorum %v, want %v", got, want)
	}
	of := possible(brokers)
	if got, want := names(of["fast"]), []string{"1-b", "2-a", "2-b"}; !slices.Equal(got, want) {
		t.Errorf("of driver fast %v, want %v", got, want)
	}
	if got, want := names(of["slow"]), []string{"1-a"}; !slices.Equal(got, want) || len(of) != 2 {
		t.Errorf("of driver slow %v, want %v, and %d drivers", got, want, len(of))
	}
}

func TestUncut(t *testing.T) {
	now := time.Now()
	tests := map[string]struct {
		snapshot *snapshots.Snapshot // nil: not in the cache
		seen     bool
		waits    bool
	}{
		"not in the cache yet":  {waits: true},
		"gone again":            {seen: true},
		"not cut":               {snapshot: &snapshots.Snapshot{}, waits: true},
		"cut":                   {snapshot: &snapshots.Snapshot{Cut: now}},
		"ready without a cut":   {snapshot: &snapshots.Snapshot{Ready: true}},
		"failed, retried":       {snapshot: &snapshots.Snapshot{Failure: "no space"}, waits: true},
		"being deleted":         {snapshot: &snapshots.Snapshot{Deleting: true}},
		"not cut, seen earlier": {snapshot: &snapshots.Snapshot{}, seen: true, waits: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var own []snapshots.Snapshot
			if test.snapshot != nil {
				test.snapshot.Name = "one"
				own = append(own, *test.snapshot)
			}
			seen := map[string]bool{"one": test.seen}
			if waits := len(uncut([]string{"one"}, own, seen)) > 0; waits != test.waits {
				t.Errorf("waits: %t, want %t", waits, test.waits)
			}
			if want := test.seen || test.snapshot != nil; seen["one"] != want {
				t.Errorf("seen: %t, want %t", seen["one"], want)
			}
		})
	}
}

func someSnapshot() *snapshotv1.VolumeSnapshot {
	return snapshotstest.NewSnapshot(snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs"),
		snapshotstest.NewBackup("hourly", "kafka", "class"), "driver", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)).Obj()
}

// TestEventsSettle checks that the changes of a whole run cause one
// reconciliation, and none while the run is creating snapshots.
func TestEventsSettle(t *testing.T) {
	clock := testclock.NewFakeClock(time.Now())
	queue := workqueue.NewTypedRateLimitingQueueWithConfig(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request](),
		workqueue.TypedRateLimitingQueueConfig[reconcile.Request]{DelayingQueue: workqueue.NewTypedDelayingQueueWithConfig(
			workqueue.TypedDelayingQueueConfig[reconcile.Request]{Clock: clock})})
	defer queue.ShutDown()
	r := &Reconciler{watched: knowing()}
	r.watched.Changed = func(backup types.NamespacedName) { r.changedSnapshot(backup, queue) }
	key := types.NamespacedName{Namespace: snapshotstest.Namespace, Name: "hourly"}
	change := func() {
		if err := r.watched.Update(someSnapshot()); err != nil {
			t.Fatal(err)
		}
	}

	end := r.progress.create(key)
	change()
	clock.Step(2 * debounce)
	if queue.Len() != 0 {
		t.Error("a KafkaBackup whose run is creating snapshots would be looked at")
	}
	end()
	for range 1000 {
		change()
	}
	if queue.Len() != 0 {
		t.Errorf("%d requests before the delay is over", queue.Len())
	}
	for queue.Len() == 0 {
		clock.Step(debounce)
	}
	if got, _ := queue.Get(); got.NamespacedName != key || queue.Len() != 0 {
		t.Errorf("got %s and %d more, want %s alone", got, queue.Len(), key)
	}
}
