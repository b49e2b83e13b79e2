package scheduler_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// lostVolume is a broker volume that has a snapshot and no claim any more.
type lostVolume struct {
	*fixture
	backup   *v1alpha1.KafkaBackup
	snapshot string
	run      time.Time
	stop     func() // the scheduler
}

// loseVolume takes a snapshot of a broker's volume and deletes its claim. The
// scheduler's clock is hours behind: claims that are created now come after
// the run.
func loseVolume(t *testing.T) *lostVolume {
	t.Helper()
	f := newFixture(t)
	f.clock = clockwork.NewFakeClockAt(time.Now().UTC().Add(-3 * time.Hour).Truncate(time.Second))
	pvc := f.claim(snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs"))
	l := &lostVolume{fixture: f, stop: f.start(), backup: f.backup(hourly().Schedule("0 * * * *"))}
	l.run = f.runNext(l.backup)
	l.snapshot = f.snapshots()[0].Name
	f.delete(pvc)
	return l
}

func (f *fixture) delete(o client.Object) {
	f.Helper()
	if err := f.client.Delete(f.Context(), o); err != nil {
		f.Fatal(err)
	}
}

// again is the new claim of the lost volume, as the webhook patches it.
func (l *lostVolume) again(class string) *corev1.PersistentVolumeClaim {
	l.Helper()
	pvc := snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").In(l.namespace).Class(class).From(l.snapshot).
		Annotate(v1alpha1.AnnotationRestoredFrom, l.snapshot).
		Annotate(v1alpha1.AnnotationRestoredTime, l.run.Format(time.RFC3339)).Obj()
	l.create(pvc)
	return pvc
}

// storageClass creates a StorageClass of the driver.
func (f *fixture) storageClass(parameters map[string]string) string {
	f.Helper()
	class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{GenerateName: "verify-"}, Provisioner: cluster.DriverName, Parameters: parameters}
	f.create(class)
	f.deleteAfter(class)
	return class.Name
}

func (f *fixture) deleteAfter(o client.Object) {
	f.Cleanup(func() {
		if err := f.client.Delete(context.Background(), o); err != nil {
			f.Error(err)
		}
	})
}

// events lists the Events of the reason on an object.
func (f *fixture) events(ctx context.Context, on client.Object, reason string) ([]eventsv1.Event, error) {
	var list eventsv1.EventList
	err := f.client.List(ctx, &list, client.InNamespace(f.namespace), client.MatchingFields{"regarding.uid": string(on.GetUID()), "reason": reason})
	return list.Items, err
}

// event waits for an Event of the reason on an object, and returns it.
func (f *fixture) event(on client.Object, reason string) eventsv1.Event {
	f.Helper()
	var found []eventsv1.Event
	f.eventually(func(ctx context.Context) (err error) {
		if found, err = f.events(ctx, on, reason); err == nil && len(found) == 0 {
			err = fmt.Errorf("no Event %s on %s", reason, on.GetName())
		}
		return err
	})
	return found[0]
}

// once fails the test unless there is exactly one Event of the reason.
func (f *fixture) once(on client.Object, reason string) {
	f.Helper()
	found, err := f.events(f.Context(), on, reason)
	if err != nil || len(found) != 1 || found[0].Series != nil {
		f.Errorf("Event %s said once on %s expected: %+v (error: %v)", reason, on.GetName(), found, err)
	}
}

// warned waits for a Warning of the reason on a claim with all these texts, and
// for the same reason in the condition.
func (f *fixture) warned(kb *v1alpha1.KafkaBackup, pvc *corev1.PersistentVolumeClaim, reason string, texts ...string) {
	f.Helper()
	e := f.event(pvc, reason)
	f.Logf("%s %s: %s", e.Type, e.Reason, e.Note)
	for _, text := range texts {
		if e.Type != corev1.EventTypeWarning || !strings.Contains(e.Note, text) {
			f.Errorf("%s %s: %q does not say %q", e.Type, reason, e.Note, text)
		}
	}
	f.verified(kb, metav1.ConditionFalse, reason)
}

// verified waits for the condition RestoresVerified.
func (f *fixture) verified(kb *v1alpha1.KafkaBackup, want metav1.ConditionStatus, reason string) metav1.Condition {
	f.Helper()
	var c *metav1.Condition
	f.until(kb, "RestoresVerified "+reason, func(s v1alpha1.KafkaBackupStatus) bool {
		c = meta.FindStatusCondition(s.Conditions, "RestoresVerified")
		return c != nil && c.Status == want && c.Reason == reason
	})
	return *c
}

func TestRestoreIsVerified(t *testing.T) {
	l := loseVolume(t)
	pvc := l.again(cluster.StorageClass)
	if e := l.event(pvc, "Restored"); e.Type != corev1.EventTypeNormal || !strings.Contains(e.Note, l.snapshot) {
		t.Errorf("Event on the claim: %s %s", e.Type, e.Note)
	} else {
		t.Logf("%s %s: %s", e.Type, e.Reason, e.Note)
	}
	if e := l.event(l.backup, "Restored"); e.Type != corev1.EventTypeNormal || !strings.Contains(e.Note, pvc.Name) || !strings.Contains(e.Note, l.snapshot) {
		t.Errorf("Event on the KafkaBackup: %s %s", e.Type, e.Note)
	} else {
		t.Logf("%s %s: %s", e.Type, e.Reason, e.Note)
	}
	status := l.until(l.backup, "the restore", func(s v1alpha1.KafkaBackupStatus) bool { return len(s.Restores) == 1 && s.Restores[0].BoundTime != nil })
	if r := status.Restores[0]; r.PersistentVolumeClaim != pvc.Name || r.VolumeSnapshot != l.snapshot ||
		!r.ScheduledTime.Time.Equal(l.run) || !r.RequestedTime.Equal(&pvc.CreationTimestamp) {
		t.Errorf("history: %+v", r)
	}
	l.verified(l.backup, metav1.ConditionTrue, "Verified")

	// The next leader knows from the status that this was said.
	l.stop()
	l.clock.Advance(time.Minute)
	l.start()
	second := l.claim(snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs"))
	l.event(second, "DuplicateVolume")
	l.once(pvc, "Restored")
	again := l.until(l.backup, "the restore", func(s v1alpha1.KafkaBackupStatus) bool { return len(s.Restores) == 1 })
	if !again.Restores[0].BoundTime.Equal(status.Restores[0].BoundTime) {
		t.Errorf("the next leader has changed the history: %+v", again.Restores)
	}
}

// TestRestoreNotHonoured leaves a volume that is Available where a claim is to
// be restored: the binder takes it.
func TestRestoreNotHonoured(t *testing.T) {
	l := loseVolume(t)
	class := l.storageClass(nil)
	stray := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{GenerateName: "stray-"}, Spec: corev1.PersistentVolumeSpec{
		StorageClassName: class, Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("2Gi")},
		AccessModes:                   []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
		PersistentVolumeSource:        corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: cluster.DriverName, VolumeHandle: "stray"}},
	}}
	l.create(stray)
	l.deleteAfter(stray)
	l.eventually(func(ctx context.Context) error {
		if err := l.client.Get(ctx, client.ObjectKeyFromObject(stray), stray); err != nil || stray.Status.Phase == corev1.VolumeAvailable {
			return err
		}
		return fmt.Errorf("volume %s is %s", stray.Name, stray.Status.Phase)
	})
	pvc := l.again(class)
	l.warned(l.backup, pvc, "RestoreNotHonoured", stray.Name, l.snapshot, "delete the claim and its pod")
	status := l.until(l.backup, "the restore", func(s v1alpha1.KafkaBackupStatus) bool { return len(s.Restores) == 1 })
	if status.Restores[0].BoundTime != nil {
		t.Errorf("the history takes the stray volume for the restored one: %+v", status.Restores)
	}
	l.delete(pvc)
	l.verified(l.backup, metav1.ConditionTrue, "Verified")
}

func TestRestoreStuck(t *testing.T) {
	for name, parameters := range map[string]map[string]string{"failing": {"failCreates": "true"}, "slow": {"createAfter": "1h"}} {
		t.Run(name, func(t *testing.T) {
			l := loseVolume(t)
			pvc := l.again(l.storageClass(parameters))
			failure := l.event(pvc, "ProvisioningFailed").Note
			l.clock.Advance(pvc.CreationTimestamp.Add(4 * time.Minute).Sub(l.clock.Now()))
			l.lookAgain(l.backup)
			l.until(l.backup, "the restore that waits", func(s v1alpha1.KafkaBackupStatus) bool {
				return len(s.Restores) == 1 && s.Restores[0].BoundTime == nil
			})
			l.verified(l.backup, metav1.ConditionTrue, "Verified")
			l.clock.Advance(2 * time.Minute)
			l.lookAgain(l.backup)
			l.warned(l.backup, pvc, "RestoreStuck", l.snapshot, failure[:min(len(failure), 100)])

			for range 3 { // nothing changes, and there is no second Event
				l.clock.Advance(time.Minute)
				l.lookAgain(l.backup)
			}
			second := l.again(cluster.StorageClass)
			l.event(second, "DuplicateVolume")
			l.once(pvc, "RestoreStuck")
		})
	}
}

// A claim whose snapshot is deleted while it waits is found at once, though no time
// passes, and so is one that was given a snapshot which was gone already.
func TestSnapshotGone(t *testing.T) {
	for name, before := range map[string]bool{"before the claim": true, "while it waits": false} {
		t.Run(name, func(t *testing.T) {
			l := loseVolume(t)
			class := l.storageClass(map[string]string{"createAfter": "1h"})
			lose := func() {
				l.delete(&snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: l.namespace, Name: l.snapshot}})
			}
			if before {
				lose()
			}
			pvc := l.again(class)
			if !before {
				l.until(l.backup, "the restore that waits", func(s v1alpha1.KafkaBackupStatus) bool { return len(s.Restores) == 1 })
				lose()
			}
			l.warned(l.backup, pvc, "SnapshotGone", l.snapshot, "delete the claim and its pod")
			l.delete(pvc)
			l.verified(l.backup, metav1.ConditionTrue, "Verified")
		})
	}
}

func TestNotRestored(t *testing.T) {
	l := loseVolume(t)
	pvc := l.claim(snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs"))
	l.warned(l.backup, pvc, "NotRestored", l.snapshot, "delete the claim and its pod", "snapback.dev/promote=true")
	l.annotate(pvc, v1alpha1.AnnotationPromote, "true")
	l.verified(l.backup, metav1.ConditionTrue, "Verified")
}

// TestStartedEmptyByIntent opts out for a while, as a person does to let a broker
// start empty.
func TestStartedEmptyByIntent(t *testing.T) {
	l := loseVolume(t)
	l.annotate(l.backup, v1alpha1.AnnotationRestore, "off")
	l.until(l.backup, "the loss", func(s v1alpha1.KafkaBackupStatus) bool { return s.Volumes == 0 })
	pvc := l.claim(snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs"))
	l.until(l.backup, "the claim", func(s v1alpha1.KafkaBackupStatus) bool { return s.Volumes == 1 })
	l.verified(l.backup, metav1.ConditionTrue, "Verified")
	l.annotate(l.backup, v1alpha1.AnnotationRestore, "latest")
	l.claim(snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").Annotate(v1alpha1.AnnotationPromote, "true"))
	l.event(pvc, "DuplicateVolume") // the only finding
	if c := l.verified(l.backup, metav1.ConditionFalse, "DuplicateVolume"); strings.Contains(c.Message, "NotRestored") {
		t.Errorf("a claim that was opted out when it was created: %s", c.Message)
	}
}

func TestDuplicateVolume(t *testing.T) {
	f := newFixture(t)
	one := f.claim(snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs"))
	other := f.claim(snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs"))
	f.claim(snapshotstest.KoperatorClaim("kafka", 1, "/kafka-logs"))
	f.start()
	kb := f.backup(hourly())
	f.warned(kb, one, "DuplicateVolume", "live claim, "+other.Name+":")
	f.warned(kb, other, "DuplicateVolume", "live claim, "+one.Name+":")
	f.delete(other)
	f.verified(kb, metav1.ConditionTrue, "Verified")
}

func (f *fixture) annotate(o client.Object, key, value string) {
	f.Helper()
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, key, value))
	if err := f.client.Patch(f.Context(), o, patch); err != nil {
		f.Fatal(err)
	}
}
