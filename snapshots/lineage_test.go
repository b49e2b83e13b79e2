package snapshots_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func TestLineageOf(t *testing.T) {
	good := snapshotOf(ago(3*hour)).Ready().Lineage("first", true).
		Annotate(v1alpha1.AnnotationVolumeHandle, "vol-1").Annotate(v1alpha1.AnnotationSourcePVCUID, "claim-1")
	unproven := snapshotOf(ago(2*hour)).Ready().Lineage("second", false).
		Annotate(v1alpha1.AnnotationVolumeHandle, "vol-2").Annotate(v1alpha1.AnnotationSourcePVCUID, "claim-2")
	tests := map[string]struct {
		uid    types.UID
		handle string
		claim  *snapshotstest.Claim
		age    time.Duration // of the claim
		all    []*snapshotstest.Snapshot
		want   snapshots.Lineage
	}{
		"the first": {uid: "claim-1", handle: "vol-1", claim: optedIn(), want: snapshots.Lineage{ID: "claim-1", Proven: true}},
		"the same claim": {uid: "claim-1", handle: "vol-1", claim: optedIn(), all: list(good),
			want: snapshots.Lineage{ID: "first", Proven: true}},
		"restored": {uid: "claim-3", handle: "vol-3", claim: optedIn().From(good.Obj().Name), all: list(good, unproven),
			want: snapshots.Lineage{ID: "first", Proven: true}},
		"restored, the source is gone": {uid: "claim-3", handle: "vol-3", claim: optedIn().From("gone"), all: list(good),
			want: snapshots.Lineage{ID: "claim-3", Proven: true}},
		"bound to the same volume": {uid: "claim-3", handle: "vol-1", claim: optedIn(), all: list(good, unproven),
			want: snapshots.Lineage{ID: "first", Proven: true}},
		"came back empty": {uid: "claim-3", handle: "vol-3", claim: optedIn(), age: hour, all: list(good),
			want: snapshots.Lineage{ID: "claim-3"}},
		"came back empty, snapshotted before": {uid: "claim-2", handle: "vol-2", claim: optedIn(), age: hour, all: list(good, unproven),
			want: snapshots.Lineage{ID: "second"}},
		"came back empty, promoted": {uid: "claim-2", handle: "vol-2", claim: optedIn().Annotate(v1alpha1.AnnotationPromote, "true"), age: hour, all: list(good, unproven),
			want: snapshots.Lineage{ID: "second", Proven: true}},
		"came back empty, a day ago": {uid: "claim-2", handle: "vol-2", claim: optedIn(), age: 24 * hour, all: list(good, unproven),
			want: snapshots.Lineage{ID: "second", Proven: true}},
	}
	for name, test := range tests {
		pvc := test.claim.Obj()
		pvc.UID, pvc.CreationTimestamp = test.uid, metav1.NewTime(ago(test.age))
		pv := &corev1.PersistentVolume{}
		pv.Spec.CSI = &corev1.CSIPersistentVolumeSource{Driver: driver, VolumeHandle: test.handle}
		var all []snapshots.Snapshot
		for _, s := range test.all {
			all = append(all, read(t, s))
		}
		if got := snapshots.LineageOf(pvc, pv, all, 24*hour, now); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

// TestInProvenLineage has one proven snapshot beside the one that is asked about:
// one that cannot be restored proves nothing.
func TestInProvenLineage(t *testing.T) {
	asked := snapshots.Snapshot{Name: "asked", Cut: now, Lineage: snapshots.Lineage{ID: "a"}}
	proves := snapshots.Snapshot{Name: "proves", Cut: now, Lineage: snapshots.Lineage{ID: "a", Proven: true}}
	for name, test := range map[string]struct {
		change func(*snapshots.Snapshot)
		want   bool
	}{
		"it can be restored": {func(*snapshots.Snapshot) {}, true},
		"of another lineage": {func(s *snapshots.Snapshot) { s.Lineage.ID = "b" }, false},
		"unproven":           {func(s *snapshots.Snapshot) { s.Lineage.Proven = false }, false},
		"being deleted":      {func(s *snapshots.Snapshot) { s.Deleting = true }, false},
		"not cut":            {func(s *snapshots.Snapshot) { s.Cut = time.Time{} }, false},
		"unreadable":         {func(s *snapshots.Snapshot) { s.Unreadable = "spoilt" }, false},
		"marked for pruning": {func(s *snapshots.Snapshot) { s.Annotations = map[string]string{v1alpha1.AnnotationPruning: "x"} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			other := proves
			test.change(&other)
			if got := snapshots.InProvenLineage(asked, []snapshots.Snapshot{asked, other}); got != test.want {
				t.Errorf("%t, want %t", got, test.want)
			}
		})
	}
}
