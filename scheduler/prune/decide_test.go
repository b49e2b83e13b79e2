package prune

import (
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

var noon = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// threeRuns is a KafkaBackup that keeps two snapshots of its volume and has three.
// It has one claim.
func threeRuns(t *testing.T, change func(*corev1.PersistentVolumeClaim)) Seen {
	t.Helper()
	broker := snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").Named("broker")
	kb := snapshotstest.NewBackup("hourly", "kafka", "class").Spec(func(s *v1alpha1.KafkaBackupSpec) { s.RetentionCount = ptr.To(int32(2)) })
	b, err := snapshots.NewBackup(kb.Obj())
	if err != nil {
		t.Fatal(err)
	}
	pvc := broker.Obj()
	pvc.Status.Phase = corev1.ClaimBound
	change(pvc)
	seen := Seen{Backup: b, Claims: claims.OfCluster([]corev1.PersistentVolumeClaim{*pvc}, b)}
	for hours := range 3 {
		s, err := snapshots.NewSnapshot(snapshotstest.NewSnapshot(broker, kb, "driver", noon.Add(time.Duration(hours)*time.Hour)).Ready().Obj())
		if err != nil {
			t.Fatal(err)
		}
		seen.Own = append(seen.Own, s)
	}
	return seen
}

func TestDecide(t *testing.T) {
	now := noon.Add(3 * time.Hour)
	seen := threeRuns(t, func(*corev1.PersistentVolumeClaim) {})
	if p := decide(seen, now); len(p.Mark) != 1 || p.Mark[0].Name != seen.Own[0].Name || p.Next != snapshots.PruneDelay {
		t.Errorf("the oldest is marked, and deleted in a minute, expected: %+v", p)
	}
	inUse := seen
	inUse.InUse = map[string]bool{seen.Own[0].Name: true}
	frozen := seen
	frozen.Backup.Annotations = map[string]string{v1alpha1.AnnotationFreeze: "INC-1"}
	restoring := threeRuns(t, func(pvc *corev1.PersistentVolumeClaim) {
		pvc.Status.Phase = corev1.ClaimPending
		pvc.Spec.DataSource = &corev1.TypedLocalObjectReference{Kind: "VolumeSnapshot", Name: "any"}
	})
	marked := map[string]string{v1alpha1.AnnotationPruning: noon.Format(time.RFC3339)}
	restoring.Own[0].Annotations, restoring.Own[2].Annotations = marked, marked
	if p := decide(restoring, now); len(p.Unmark) != 1 || p.Unmark[0].Name != restoring.Own[2].Name || len(p.Delete) != 0 {
		t.Errorf("what outlives its retention stays marked while a claim is restored, expected: %+v", p)
	}
	restoring.Own[0].Annotations, restoring.Own[2].Annotations = nil, nil
	for what, seen := range map[string]Seen{"a claim waits for it": inUse, "frozen": frozen, "a claim of the cluster is restored": restoring} {
		if p := decide(seen, now); len(p.Mark) != 0 || p.Next != 0 {
			t.Errorf("%s: nothing is marked expected: %+v", what, p)
		}
	}
	deleting := threeRuns(t, func(*corev1.PersistentVolumeClaim) {})
	deleting.Own[0].Deleting = true
	deleting.Own[0].Annotations = map[string]string{v1alpha1.AnnotationPruning: noon.Format(time.RFC3339)}
	if p := decide(deleting, now); len(p.Mark)+len(p.Unmark)+len(p.Delete) != 0 || p.Next != 0 {
		t.Errorf("nothing more is done to one that does not go, expected: %+v", p)
	}
	locked := threeRuns(t, func(*corev1.PersistentVolumeClaim) {})
	locked.Own[0].Annotations = map[string]string{v1alpha1.AnnotationPruning: noon.Format(time.RFC3339)}
	locked.Own[0].LockedUntil = ptr.To(now.Add(time.Second))
	if p := decide(locked, now); len(p.Unmark) != 1 || len(p.Delete) != 0 {
		t.Errorf("a locked one is unmarked expected: %+v", p)
	}
	frozen.Own[0].Annotations = map[string]string{v1alpha1.AnnotationPruning: noon.Format(time.RFC3339)}
	if p := decide(frozen, now); len(p.Unmark) != 1 || len(p.Delete) != 0 || len(Marked(frozen.Own, now)) != 1 {
		t.Errorf("what was marked before it was frozen is unmarked expected: %+v", p)
	}
}

// TestBlocking checks that only uncut snapshots of claims that terminate, or were replaced,
// are found.
// TestHoldBack has a leader that finds what another one has marked, an hour ago by its clock.
func TestHoldBack(t *testing.T) {
	seen := threeRuns(t, func(*corev1.PersistentVolumeClaim) {})
	seen.Own[0].Annotations[v1alpha1.AnnotationPruning] = noon.Format(time.RFC3339)
	plan := decide(seen, noon.Add(time.Hour))
	if held := holdBack(plan, 20*time.Second); len(held.Delete) != 0 || held.Next != 20*time.Second {
		t.Errorf("nothing is deleted yet, and again in 20 s expected: %+v", held)
	}
	if now := holdBack(plan, 0); len(now.Delete) != 1 {
		t.Errorf("one is deleted expected: %+v", now)
	}
	plan.Delete = nil
	if idle := holdBack(plan, 20*time.Second); idle.Next != 0 {
		t.Errorf("nothing to wait for expected: %+v", idle)
	}
}

func TestBlocking(t *testing.T) {
	uncutBy := func(seen Seen) Seen { seen.Own[2].Ready, seen.Own[2].Cut = false, time.Time{}; return seen }
	terminating := func(pvc *corev1.PersistentVolumeClaim) { pvc.DeletionTimestamp = &metav1.Time{Time: noon} }
	if found := blocking(uncutBy(threeRuns(t, terminating))); len(found) != 1 {
		t.Errorf("the uncut one expected: %+v", found)
	}
	if found := blocking(threeRuns(t, terminating)); len(found) != 0 {
		t.Errorf("none is uncut: %+v", found)
	}
	if found := blocking(uncutBy(threeRuns(t, func(*corev1.PersistentVolumeClaim) {}))); len(found) != 0 {
		t.Errorf("the claim stays: %+v", found)
	}
	replaced := uncutBy(threeRuns(t, func(pvc *corev1.PersistentVolumeClaim) { pvc.UID = "another" }))
	replaced.Own[2].SourcePVCUID = "first"
	if found := blocking(replaced); len(found) != 1 {
		t.Errorf("the claim was replaced, the uncut one expected: %+v", found)
	}
	lost := threeRuns(t, terminating)
	lost.Own[2].Ready, lost.Own[2].Failure = false, "VolumeSnapshotContent is missing"
	if found := blocking(lost); len(found) != 1 {
		t.Errorf("the one that may be lost expected: %+v", found)
	}
	gone := uncutBy(threeRuns(t, func(*corev1.PersistentVolumeClaim) {}))
	gone.Claims = nil
	if found := blocking(gone); len(found) != 1 {
		t.Errorf("the claim is gone, the uncut one expected: %+v", found)
	}
}

// TestBefore follows a content whose class retains the stored data.
func TestBefore(t *testing.T) {
	turned := func(ago time.Duration) *snapshotv1.VolumeSnapshotContent {
		c := &snapshotv1.VolumeSnapshotContent{Spec: snapshotv1.VolumeSnapshotContentSpec{DeletionPolicy: snapshotv1.VolumeSnapshotContentDelete}}
		c.Annotations = map[string]string{v1alpha1.AnnotationRetained: noon.Add(-ago).Format(time.RFC3339)}
		return c
	}
	retained := &snapshotv1.VolumeSnapshotContent{Spec: snapshotv1.VolumeSnapshotContentSpec{DeletionPolicy: snapshotv1.VolumeSnapshotContentRetain}}
	for what, test := range map[string]struct {
		content    *snapshotv1.VolumeSnapshotContent
		relabelled bool
		keep       bool
		want       step
	}{
		"retained":            {content: retained, want: stepTurn},
		"all are to be kept":  {content: retained, keep: true, want: stepLeave},
		"may be another's":    {content: retained, relabelled: true, want: stepLeave},
		"just turned":         {content: turned(4 * time.Second), want: stepWait},
		"turned":              {content: turned(5 * time.Second), want: stepNone},
		"turned in a future":  {content: turned(-time.Hour), want: stepNone},
		"never was retained":  {content: &snapshotv1.VolumeSnapshotContent{Spec: turned(0).Spec}, want: stepNone},
		"turned, now kept":    {content: turned(time.Minute), keep: true, want: stepNone},
		"turned, relabelled":  {content: turned(time.Minute), relabelled: true, want: stepNone},
		"relabelled and kept": {content: retained, relabelled: true, keep: true, want: stepLeave},
	} {
		if got := before(test.content, snapshots.Snapshot{Relabelled: test.relabelled}, test.keep, noon); got != test.want {
			t.Errorf("%s: step %d, want %d", what, got, test.want)
		}
	}
}
