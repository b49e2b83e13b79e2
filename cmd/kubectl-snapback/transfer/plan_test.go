package transfer

import (
	"strings"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestPlan imports beside what is there already.
func TestPlan(t *testing.T) {
	pair, err := Import(exportOf(t, snapshotstest.StatefulSetClaim("kafka", 0)), "", "")
	if err != nil {
		t.Fatal(err)
	}
	content := func(change func(*snapshotv1.VolumeSnapshotContent)) *snapshotv1.VolumeSnapshotContent {
		c := pair.Content.DeepCopy()
		change(c)
		return c
	}
	own := pair.Snapshot.DeepCopy()
	own.Spec.Source = snapshotv1.VolumeSnapshotSource{PersistentVolumeClaimName: ptr.To("data-kafka-0")}
	for name, test := range map[string]struct {
		found   Found
		content bool // to be created
		vs      bool
		release bool
		says    string
	}{
		"nothing":               {content: true, vs: true},
		"both":                  {found: Found{Content: pair.Content, Snapshot: pair.Snapshot}},
		"the content only":      {found: Found{Content: pair.Content}, vs: true},
		"its snapshot was lost": {found: Found{Content: content(func(c *snapshotv1.VolumeSnapshotContent) { c.Spec.VolumeSnapshotRef.UID = "gone" })}, vs: true, release: true},
		"the original": {found: Found{Snapshot: own, Bound: &snapshotv1.VolumeSnapshotContent{Spec: snapshotv1.VolumeSnapshotContentSpec{Driver: "driver"},
			Status: &snapshotv1.VolumeSnapshotContentStatus{SnapshotHandle: ptr.To("handle")}}}},
		"another snapshot of that name": {found: Found{Snapshot: own}, says: "is there and is not of this export"},
		"another content of that name": {found: Found{Content: content(func(c *snapshotv1.VolumeSnapshotContent) { c.Spec.Source.SnapshotHandle = ptr.To("other") })},
			says: "is there and is not of this export"},
		"a content that would delete": {found: Found{Content: content(func(c *snapshotv1.VolumeSnapshotContent) { c.Spec.DeletionPolicy = "Delete" })},
			says: "is there and is not of this export"},
		"a content on its way out": {found: Found{Content: content(func(c *snapshotv1.VolumeSnapshotContent) { c.DeletionTimestamp = &metav1.Time{} })}, says: "is being deleted"},
	} {
		t.Run(name, func(t *testing.T) {
			step, err := Plan(pair, test.found)
			if test.says != "" {
				if err == nil || !strings.Contains(err.Error(), test.says) {
					t.Errorf("%v, want %q", err, test.says)
				}
				return
			}
			if err != nil || step.CreateContent != test.content || step.CreateSnapshot != test.vs || (step.Release != nil) != test.release || step.Done() == (test.content || test.vs) {
				t.Errorf("%+v, %v", step, err)
			}
		})
	}
}
