package scheduler_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// node creates the bound claim of a Koperator node with these roles.
func (f *fixture) node(id int, roles string) {
	f.Helper()
	f.claim(snapshotstest.KoperatorClaim("kafka", id, "/kafka-logs").Label("pvcRoles", roles))
}

func (f *fixture) withClass(parameters map[string]string) *snapshotstest.Backup {
	class := f.snapshotClass(parameters)
	return hourly().Spec(func(s *v1alpha1.KafkaBackupSpec) { s.VolumeSnapshotClassName = class })
}

// byRole separates the snapshots of the quorum from the others.
func byRole(all []snapshotv1.VolumeSnapshot) (brokers, quorum []snapshotv1.VolumeSnapshot) {
	for _, vs := range all {
		if snapshots.Role(vs.Annotations[v1alpha1.AnnotationRole]).Quorum() {
			quorum = append(quorum, vs)
		} else {
			brokers = append(brokers, vs)
		}
	}
	return brokers, quorum
}

func TestQuorumIsCutAfterTheBrokers(t *testing.T) {
	f := newFixture(t)
	f.node(0, "controller")
	f.node(1, "broker")
	f.node(2, "broker")
	f.start()
	kb := f.backup(f.withClass(map[string]string{"cutAfter": "2s"}))
	at := f.scheduled(kb)
	f.clock.Advance(at.Sub(f.clock.Now()))
	f.eventually(func(context.Context) error {
		brokers, quorum := byRole(f.snapshots())
		if len(quorum) == 0 {
			return fmt.Errorf("the controller has no snapshot yet")
		}
		if len(brokers) != 2 {
			t.Fatalf("%d snapshots of brokers when the controller's is there", len(brokers))
		}
		for _, vs := range brokers {
			if vs.Status == nil || vs.Status.CreationTime == nil {
				t.Errorf("%s is not cut, and the controller's snapshot is there", vs.Name)
			}
		}
		return nil
	})
	f.until(kb, "the run", func(s v1alpha1.KafkaBackupStatus) bool {
		return s.LastRun != nil && s.LastRun.Volumes == 3 && s.LastRun.Ready == 3 && s.LastRun.CompletionTime != nil
	})
}

// TestRunIsFinishedByTheNextLeader stops a scheduler between the two halves of a
// run. The next one finds its snapshots, waits for their cuts, and gives up
// waiting.
func TestRunIsFinishedByTheNextLeader(t *testing.T) {
	f := newFixture(t)
	f.node(0, "controller")
	f.node(1, "broker")
	stop := f.start()
	kb := f.backup(f.withClass(map[string]string{"cutAfter": "10h"}).Spec(func(s *v1alpha1.KafkaBackupSpec) { s.StartingDeadlineSeconds = ptrTo(int64(60)) }))
	at := f.scheduled(kb)
	f.clock.Advance(at.Sub(f.clock.Now()))
	f.eventually(func(context.Context) error {
		if n := len(f.snapshots()); n != 1 {
			return fmt.Errorf("%d snapshots, the broker's expected", n)
		}
		return nil
	})
	stop()
	if err := f.client.Get(t.Context(), client.ObjectKeyFromObject(kb), kb); err != nil {
		t.Fatal(err)
	}
	if kb.Status.LastRun != nil || !kb.Status.NextScheduleTime.Time.Equal(at) {
		t.Fatalf("half a run counts as answered: %+v", kb.Status)
	}
	f.clock.Advance(90 * time.Second) // beyond the deadline, which counts only for runs that were not begun
	f.start()
	f.eventually(func(ctx context.Context) error {
		if f.clock.Now().Before(at.Add(30 * time.Minute)) { // the run of the next hour must not come
			f.clock.Advance(10 * time.Second) // the run may not wait yet
		}
		var got v1alpha1.KafkaBackup
		if err := f.client.Get(ctx, client.ObjectKeyFromObject(kb), &got); err != nil {
			return err
		}
		if got.Status.LastRun == nil {
			return fmt.Errorf("the run is not answered")
		}
		kb = &got
		return nil
	})
	if run := kb.Status.LastRun; !run.ScheduledTime.Time.Equal(at) || run.Volumes != 2 || run.Failed != 0 || run.Skipped != 0 {
		t.Errorf("the run of %s with 2 volumes expected: %+v", at, run)
	}
	if brokers, quorum := byRole(f.snapshots()); len(brokers) != 1 || len(quorum) != 1 {
		t.Errorf("%d snapshots of brokers and %d of the quorum, one of each expected", len(brokers), len(quorum))
	}
	f.waitForEvent(kb, "QuorumNotAwaited")
}

func TestExcludeQuorum(t *testing.T) {
	f := newFixture(t)
	f.node(0, "controller")
	f.node(1, "broker")
	f.node(2, "broker_controller")
	f.start()
	kb := f.backup(hourly().Spec(func(s *v1alpha1.KafkaBackupSpec) { s.ExcludeQuorum = true }))
	f.runNext(kb)
	status := f.until(kb, "success", func(s v1alpha1.KafkaBackupStatus) bool { return s.LastSuccessfulTime != nil })
	if status.Volumes != 2 || status.LastRun.Volumes != 2 || status.LastRun.Skipped != 0 {
		t.Errorf("the broker and the combined node expected: %+v", status)
	}
	for _, vs := range f.snapshots() {
		if vs.Annotations[v1alpha1.AnnotationRole] == string(snapshots.RoleController) {
			t.Errorf("the controller was snapshotted: %s", vs.Name)
		}
	}
}

// TestOrphanedVolume removes a broker for good.
func TestOrphanedVolume(t *testing.T) {
	f := newFixture(t)
	brokers := f.brokers(2)
	f.start()
	kb := f.backup(hourly())
	first := f.runNext(kb)
	gone := snapshotstest.KoperatorClaim("kafka", 1, "/kafka-logs").In(f.namespace).Named(brokers[1]).Obj()
	if err := f.client.Delete(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	status := f.until(kb, "one volume", func(s v1alpha1.KafkaBackupStatus) bool { return s.Volumes == 1 })
	if status.OrphanedVolumes != 0 {
		t.Errorf("a broker that may be coming back counts as orphaned: %+v", status.Orphaned)
	}
	f.runNext(kb)
	status = f.until(kb, "an orphan", func(s v1alpha1.KafkaBackupStatus) bool { return s.OrphanedVolumes == 1 })
	want := v1alpha1.OrphanedVolume{Volume: "1:/kafka-logs", NewestSnapshot: snapshots.Name(brokers[1], kb.Name, first), ScheduledTime: metav1.Time{Time: first}}
	if got := status.Orphaned[0]; got.Volume != want.Volume || got.NewestSnapshot != want.NewestSnapshot || !got.ScheduledTime.Equal(&want.ScheduledTime) {
		t.Errorf("orphaned: %+v, want %+v", got, want)
	}
}
