package scheduler_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func hourly() *snapshotstest.Backup {
	return snapshotstest.NewBackup("hourly", "kafka", cluster.SnapshotClass).Annotate(v1alpha1.AnnotationRestore, "latest")
}

// snapshotClass creates a VolumeSnapshotClass that makes the driver misbehave, with
// these keys and values of annotations.
func (f *fixture) snapshotClass(parameters map[string]string, annotations ...string) string {
	f.Helper()
	annotated := map[string]string{}
	for pair := range slices.Chunk(annotations, 2) {
		annotated[pair[0]] = pair[1]
	}
	class := &snapshotv1.VolumeSnapshotClass{ObjectMeta: metav1.ObjectMeta{GenerateName: "fault-", Annotations: annotated},
		Driver: cluster.DriverName, DeletionPolicy: snapshotv1.VolumeSnapshotContentDelete, Parameters: parameters}
	f.create(class)
	f.Cleanup(func() {
		if err := f.client.Delete(context.Background(), class); err != nil {
			f.Error(err)
		}
	})
	return class.Name
}

func TestRunSnapshotsEveryVolume(t *testing.T) {
	f := newFixture(t)
	brokers := f.brokers(3)
	f.claim(snapshotstest.KoperatorClaim("other", 0, "/kafka-logs"))
	f.claim(snapshotstest.PlainClaim("unrelated"))
	f.start()
	kb := f.backup(hourly())
	if next := f.scheduled(kb); !next.Equal(kb.CreationTimestamp.Add(time.Hour)) {
		t.Errorf("the next run is at %s, an hour after the creation at %s expected", next, kb.CreationTimestamp)
	}
	if made := f.snapshots(); len(made) != 0 {
		t.Fatalf("a new KafkaBackup has fired at once: %d snapshots", len(made))
	}
	at := f.runNext(kb)
	made := f.snapshots()
	if len(made) != len(brokers) {
		t.Fatalf("%d snapshots of %d volumes", len(made), len(brokers))
	}
	for _, vs := range made {
		pvc := *vs.Spec.Source.PersistentVolumeClaimName
		if want := snapshots.Name(pvc, kb.Name, at); vs.Name != want {
			t.Errorf("name %s, want %s", vs.Name, want)
		}
		for key, want := range map[string]string{
			"app.kubernetes.io/managed-by": "snapback", "snapback.dev/cluster": "kafka", "snapback.dev/backup": "hourly",
			"snapback.dev/run": at.Format("20060102-150405"), "kafka_cr": "kafka", "brokerId": strings.Split(pvc, "-")[1],
		} {
			if vs.Labels[key] != want {
				t.Errorf("%s: label %s is %q, want %q", vs.Name, key, vs.Labels[key], want)
			}
		}
		if vs.Annotations[v1alpha1.AnnotationRestore] != "latest" || vs.Annotations[v1alpha1.AnnotationDriver] != cluster.DriverName {
			t.Errorf("%s lacks what a restore must know: %v", vs.Name, vs.Annotations)
		}
		if len(vs.OwnerReferences) != 0 {
			t.Errorf("%s would be garbage collected with %v", vs.Name, vs.OwnerReferences)
		}
	}
	status := f.until(kb, "success", func(s v1alpha1.KafkaBackupStatus) bool { return s.LastSuccessfulTime != nil })
	run := status.LastRun
	if run.Volumes != 3 || run.Ready != 3 || run.Failed != 0 || run.Skipped != 0 || run.Skew == "" || status.Snapshots != 3 || status.Volumes != 3 ||
		!status.LastSuccessfulTime.Time.Equal(at) || !status.LastScheduleTime.Time.Equal(at) || ready(status).Status != metav1.ConditionTrue {
		t.Errorf("status after the run: %+v", status)
	}
	f.waitForEvent(kb, "SnapshotsCreated")
	f.waitForEvent(kb, "SnapshotsReady")
}

// TestEmptyVolumeIsUnproven loses a volume and lets it come back empty. Its new
// snapshots must not be preferred to those of the lost one.
func TestEmptyVolumeIsUnproven(t *testing.T) {
	f := newFixture(t)
	lost := f.claim(snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs"))
	f.start()
	kb := f.backup(hourly())
	f.runNext(kb)
	if err := f.client.Delete(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	f.claim(snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs"))
	f.runNext(kb)
	made := f.snapshots()
	slices.SortFunc(made, func(a, b snapshotv1.VolumeSnapshot) int {
		return strings.Compare(a.Labels[v1alpha1.LabelRun], b.Labels[v1alpha1.LabelRun])
	})
	if made[0].Annotations[v1alpha1.AnnotationProven] != "true" || made[1].Annotations[v1alpha1.AnnotationProven] != "false" {
		t.Errorf("lineages: %v, then %v", made[0].Annotations, made[1].Annotations)
	}
}

func TestStuckSnapshotIsIsolated(t *testing.T) {
	f := newFixture(t)
	stuck := f.claim(snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs"))
	f.start()
	kb := f.backup(hourly().Spec(func(s *v1alpha1.KafkaBackupSpec) {
		class := &snapshotv1.VolumeSnapshotClass{ObjectMeta: metav1.ObjectMeta{GenerateName: "retain-"}, Driver: cluster.DriverName,
			DeletionPolicy: snapshotv1.VolumeSnapshotContentRetain, Parameters: map[string]string{"cutAfter": "10h"}}
		f.create(class)
		f.deleteAfter(class)
		s.VolumeSnapshotClassName = class.Name
	}))
	first := f.scheduled(kb)
	f.clock.Advance(first.Sub(f.clock.Now()))
	f.until(kb, "the first run", func(s v1alpha1.KafkaBackupStatus) bool {
		return s.LastRun != nil && s.LastRun.ScheduledTime.Time.Equal(first)
	})
	f.claim(snapshotstest.KoperatorClaim("kafka", 1, "/kafka-logs"))
	second := f.scheduled(kb)
	f.clock.Advance(second.Sub(f.clock.Now()))
	status := f.until(kb, "the second run", func(s v1alpha1.KafkaBackupStatus) bool {
		return s.LastRun.ScheduledTime.Time.Equal(second)
	})
	if status.LastRun.Volumes != 2 || status.LastRun.Skipped != 1 {
		t.Errorf("the stuck volume skipped and the other one snapshotted expected: %+v", status.LastRun)
	}
	f.waitForEvent(kb, "VolumeSkipped")

	// Its claim is lost: the snapshots that were never cut must not block its
	// deletion, and the data that the storage has begun to store must go, although
	// the class retains it.
	given := snapshots.Name(stuck.Name, kb.Name, first)
	f.policy(given, snapshotv1.VolumeSnapshotContentRetain)
	if err := f.client.Delete(t.Context(), stuck); err != nil {
		t.Fatal(err)
	}
	f.policy(given, snapshotv1.VolumeSnapshotContentDelete)
	f.clock.Advance(5 * time.Second)
	f.lookAgain(kb)
	f.eventually(func(ctx context.Context) error {
		contents, err := f.contents(ctx)
		if err != nil {
			return err
		}
		if content, left := contents[given]; left {
			return fmt.Errorf("its content is left, deleted %v: %v", content.DeletionTimestamp, content.Annotations)
		}
		if err := f.client.Get(ctx, client.ObjectKeyFromObject(stuck), stuck); !apierrors.IsNotFound(err) {
			return fmt.Errorf("claim %s is still there, held by %v (error: %w)", stuck.Name, stuck.Finalizers, err)
		}
		return nil
	})
	f.waitForEvent(kb, "SnapshotAbandoned")
}

func TestFailingDriver(t *testing.T) {
	f := newFixture(t)
	f.brokers(1)
	f.start()
	failing := f.backup(hourly().Spec(func(s *v1alpha1.KafkaBackupSpec) {
		s.VolumeSnapshotClassName = f.snapshotClass(map[string]string{"failSnapshots": "true"})
	}))
	well := f.backup(snapshotstest.NewBackup("well", "kafka", cluster.SnapshotClass))
	f.scheduled(failing)
	f.runNext(well)
	status := f.until(failing, "the failure", func(s v1alpha1.KafkaBackupStatus) bool { return ready(s).Status == metav1.ConditionFalse })
	if c := ready(status); c.Reason != "SnapshotFailed" || !strings.Contains(c.Message, "failSnapshots") {
		t.Errorf("the driver's own words expected, got %s: %s", c.Reason, c.Message)
	}
}

func TestAdoption(t *testing.T) {
	f := newFixture(t)
	brokers := f.brokers(2)
	stop := f.start()
	kb := f.backup(hourly())
	at := f.scheduled(kb)
	stop()
	// One snapshot comes from a run that was killed, one from somebody else.
	pvc := snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").In(f.namespace).Named(brokers[0])
	ours := snapshotstest.NewSnapshot(pvc, hourly().In(f.namespace), cluster.DriverName, at).Obj()
	ours.UID = ""
	f.create(ours)
	theirs := &snapshotv1.VolumeSnapshot{
		ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: snapshots.Name(brokers[1], kb.Name, at)},
		Spec: snapshotv1.VolumeSnapshotSpec{Source: snapshotv1.VolumeSnapshotSource{PersistentVolumeClaimName: &brokers[1]},
			VolumeSnapshotClassName: ptrTo(cluster.SnapshotClass)},
	}
	f.create(theirs)
	f.clock.Advance(at.Sub(f.clock.Now()))
	f.start()
	status := f.until(kb, "the run", func(s v1alpha1.KafkaBackupStatus) bool { return s.LastRun != nil && s.LastRun.Ready == 1 })
	if status.LastRun.Volumes != 2 || status.LastRun.Failed != 1 || len(f.snapshots()) != 2 {
		t.Errorf("one adopted and one refused expected: %+v, %d snapshots", status.LastRun, len(f.snapshots()))
	}
	if c := ready(status); c.Status != metav1.ConditionFalse || !strings.Contains(c.Message, theirs.Name) {
		t.Errorf("Ready is %s: %s", c.Status, c.Message)
	}
}

func ptrTo[T any](v T) *T { return &v }
