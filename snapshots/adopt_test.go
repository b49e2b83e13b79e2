package snapshots_test

import (
	"strings"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// foreignSnapshot returns a ready VolumeSnapshot of a claim that another tool has
// made, and that a person allows to be restored.
func foreignSnapshot(claim string) *snapshotv1.VolumeSnapshot {
	return &snapshotv1.VolumeSnapshot{
		ObjectMeta: metav1.ObjectMeta{Namespace: snapshotstest.Namespace, Name: "by-hand", UID: "u", ResourceVersion: "7",
			Labels: map[string]string{}, Annotations: map[string]string{v1alpha1.AnnotationAdopt: "true"}},
		Spec:   snapshotv1.VolumeSnapshotSpec{Source: snapshotv1.VolumeSnapshotSource{PersistentVolumeClaimName: &claim}},
		Status: &snapshotv1.VolumeSnapshotStatus{ReadyToUse: ptr.To(true), CreationTime: &metav1.Time{Time: ago(hour)}},
	}
}

// TestAdopted checks snapshots that Snapback has not made. Only one that a person has
// marked, and that was taken of the lost claim, may be restored.
func TestAdopted(t *testing.T) {
	const name = "data-kafka-0"
	for what, test := range map[string]struct {
		change func(*snapshotv1.VolumeSnapshot)
		claim  string
		want   bool
	}{
		"marked, of this claim":     {claim: name, want: true},
		"nobody has marked it":      {claim: name, change: func(vs *snapshotv1.VolumeSnapshot) { vs.Annotations = nil }},
		"marked with something":     {claim: name, change: func(vs *snapshotv1.VolumeSnapshot) { vs.Annotations[v1alpha1.AnnotationAdopt] = "no" }},
		"of another claim":          {claim: "data-kafka-1"},
		"the claim has no name yet": {claim: "", change: func(vs *snapshotv1.VolumeSnapshot) { vs.Spec.Source.PersistentVolumeClaimName = ptr.To("") }},
		"of no claim": {claim: name, change: func(vs *snapshotv1.VolumeSnapshot) {
			vs.Spec.Source = snapshotv1.VolumeSnapshotSource{VolumeSnapshotContentName: ptr.To("c")}
		}},
		"Snapback's, by its label": {claim: name, change: func(vs *snapshotv1.VolumeSnapshot) { vs.Labels[v1alpha1.LabelVolume] = "0123" }},
		"more than is ever read": {claim: name, change: func(vs *snapshotv1.VolumeSnapshot) {
			vs.Annotations[v1alpha1.AnnotationBroker] = strings.Repeat("x", 5000)
		}},
	} {
		vs := foreignSnapshot(name)
		if test.change != nil {
			test.change(vs)
		}
		claim := snapshotstest.StatefulSetClaim("kafka", 0)
		v := identify(t, claim)
		s, ok := snapshots.Adopted(vs, v, claim.Named(test.claim).Obj())
		if ok != test.want {
			t.Errorf("%s: adopted %t", what, ok)
		}
		if ok && (s.Name != "by-hand" || s.UID != types.UID("u") || s.Volume != v.Hash() || s.SourcePVC != name || !s.Ready || s.Deleting || !s.Lineage.Proven || !s.Scheduled.Equal(ago(hour))) {
			t.Errorf("%s: it is read as %+v", what, s)
		}
	}
}

// TestAdoptedIsGoing checks one that is being deleted: it must not be restored.
func TestAdoptedIsGoing(t *testing.T) {
	claim := snapshotstest.StatefulSetClaim("kafka", 0)
	vs := foreignSnapshot("data-kafka-0")
	vs.DeletionTimestamp = &metav1.Time{Time: now}
	if s, ok := snapshots.Adopted(vs, identify(t, claim), claim.Obj()); !ok || !s.Deleting || len(snapshots.Candidates([]snapshots.Snapshot{s})) > 0 {
		t.Errorf("%t %+v", ok, s)
	}
}
