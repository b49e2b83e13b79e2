package snapshots_test

import (
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// imported turns a snapshot into an imported one.
func imported(s *snapshotstest.Snapshot, cut time.Time) *snapshotv1.VolumeSnapshot {
	vs := s.Annotate(v1alpha1.AnnotationImported, "true").Annotate(v1alpha1.AnnotationCutTime, cut.Format(time.RFC3339)).Obj()
	vs.Spec.Source = snapshotv1.VolumeSnapshotSource{VolumeSnapshotContentName: ptr.To("content")}
	return vs
}

// lean reads a snapshot as the webhook keeps it.
func lean(t *testing.T, vs *snapshotv1.VolumeSnapshot) snapshots.Snapshot {
	t.Helper()
	s, err := snapshots.NewSnapshot(vs)
	if err != nil {
		t.Fatal(err)
	}
	return s.Lean()
}

func TestImported(t *testing.T) {
	cut := now.Add(-3 * hour)
	for name, test := range map[string]struct {
		vs       *snapshotv1.VolumeSnapshot
		imported bool
		cut      time.Time
	}{
		"not bound yet":          {imported(snapshotOf(now), cut), true, cut},
		"ready, cut now":         {imported(snapshotOf(now).Ready(), cut), true, cut},
		"taken here, for all it": {snapshotOf(now).Annotate(v1alpha1.AnnotationImported, "true").Annotate(v1alpha1.AnnotationCutTime, cut.Format(time.RFC3339)).Obj(), false, time.Time{}},
		"not marked": {func() *snapshotv1.VolumeSnapshot {
			vs := imported(snapshotOf(now), cut)
			delete(vs.Annotations, v1alpha1.AnnotationImported)
			return vs
		}(), false, time.Time{}},
	} {
		if s := lean(t, test.vs); s.Imported != test.imported || s.Held != test.imported || !s.Cut.Equal(test.cut) {
			t.Errorf("%s: imported %t, held %t, cut %s", name, s.Imported, s.Held, s.Cut)
		}
	}
}

// TestImportedNotPruned checks imports that have outlived any retention.
func TestImportedNotPruned(t *testing.T) {
	var all []snapshots.Snapshot
	for i := range 5 {
		all = append(all, lean(t, imported(snapshotOf(now.Add(-time.Duration(i)*hour)).Ready(), now)))
	}
	if got := (snapshots.Retention{Time: time.Minute, Count: 2}).Prunable(all, nil, now.Add(100*hour)); len(got) != 0 {
		t.Errorf("%d imports are to be pruned", len(got))
	}
}

// TestImportedCluster restores imports in other clusters of the same name than the
// one that they were taken from.
func TestImportedCluster(t *testing.T) {
	of := func(uid, id string, ago time.Duration) *snapshotstest.Snapshot {
		s := snapshotOf(now.Add(-ago)).Ready().Annotate(v1alpha1.AnnotationClusterUID, uid)
		if id != "" {
			s.Annotate(v1alpha1.AnnotationKafkaClusterID, id)
		}
		return s
	}
	there := imported(of("there", "", 3*hour), now.Add(-3*hour))
	withID := imported(of("there", "id", 3*hour), now.Add(-3*hour))
	for name, test := range map[string]struct {
		uid, id string // of the cluster that asks
		all     []*snapshotv1.VolumeSnapshot
		reason  v1alpha1.Reason
		want    string
	}{
		"another UID":                      {"here", "", []*snapshotv1.VolumeSnapshot{there}, v1alpha1.ReasonRestored, there.Name},
		"Kafka's id set first":             {"here", "id", []*snapshotv1.VolumeSnapshot{withID}, v1alpha1.ReasonRestored, withID.Name},
		"Kafka's id not known yet":         {"here", "", []*snapshotv1.VolumeSnapshot{withID}, v1alpha1.ReasonRestored, withID.Name},
		"another id: it would not start":   {"here", "other", []*snapshotv1.VolumeSnapshot{withID}, v1alpha1.ReasonOtherCluster, ""},
		"newer ones taken here":            {"here", "", []*snapshotv1.VolumeSnapshot{there, of("here", "", hour).Obj()}, v1alpha1.ReasonRestored, of("here", "", hour).Obj().Name},
		"not for the next cluster":         {"next", "", []*snapshotv1.VolumeSnapshot{there, of("here", "", hour).Obj()}, v1alpha1.ReasonOtherCluster, ""},
		"the next one, of the import's id": {"next", "id", []*snapshotv1.VolumeSnapshot{withID, of("here", "other", hour).Obj()}, v1alpha1.ReasonRestored, withID.Name},
	} {
		t.Run(name, func(t *testing.T) {
			var all []snapshots.Snapshot
			for _, vs := range test.all {
				all = append(all, lean(t, vs))
			}
			claim := asked(t, optedIn(), driver)
			claim.Volume.ClusterUID, claim.Volume.KafkaClusterID = test.uid, test.id
			d := sources{PVC: optedIn().Obj().Annotations}.decide(claim, snapshots.Around{}, all, now)
			if d.Reason != test.reason || d.SnapshotName() != test.want {
				t.Errorf("%s %q, want %s %q: %s", d.Reason, d.SnapshotName(), test.reason, test.want, d.Message)
			}
		})
	}
}
