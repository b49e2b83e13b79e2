package verify

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/history"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// recording returns a verifier of these snapshots, and what its history has.
func recording(objects ...client.Object) (*Verifier, func(*testing.T) []v1alpha1.HistoryEntry) {
	var out bytes.Buffer
	c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithObjects(objects...).Build()
	v := &Verifier{Client: c, APIReader: c, Recorder: events.NewFakeRecorder(10), Memory: &Memory{},
		History: &history.Recorder{Component: history.Scheduler, Out: &out, Now: func() time.Time { return created }}}
	return v, func(t *testing.T) (all []v1alpha1.HistoryEntry) {
		t.Helper()
		for decoder := json.NewDecoder(bytes.NewReader(out.Bytes())); decoder.More(); {
			var e v1alpha1.HistoryEntry
			if err := decoder.Decode(&e); err != nil {
				t.Fatal(err)
			}
			all = append(all, e)
		}
		return all
	}
}

// TestSettledIsRecorded has a restore from a pinned snapshot, with a later one that it
// leaves aside.
func TestSettledIsRecorded(t *testing.T) {
	t.Parallel()
	claim := snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").Named("a")
	source := snapshotstest.NewSnapshot(claim, optedInBackup(), "driver", created.Add(-2*time.Hour)).Ready().Annotate(v1alpha1.AnnotationRestoreNext, v1alpha1.ValueTrue).Obj()
	later := snapshotstest.NewSnapshot(claim, optedInBackup(), "driver", created.Add(-time.Hour)).Ready().Obj()
	v, recorded := recording(source, later)
	s := newSubject(t, "a", func(s *subject) {
		fill(s)
		s.PVC.Spec.DataSource.Name = source.Name
		given(s)
		var all []snapshots.Snapshot
		for _, name := range []string{source.Name, later.Name} {
			var vs snapshotv1.VolumeSnapshot
			if err := v.Client.Get(t.Context(), client.ObjectKey{Namespace: s.PVC.Namespace, Name: name}, &vs); err != nil {
				t.Fatal(err)
			}
			read, err := snapshots.NewSnapshot(&vs)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, read)
		}
		s.known.Snapshots = map[string][]snapshots.Snapshot{s.Volume.Hash(): all}
	})
	kb := optedInBackup().Obj()
	for range 2 { // the second time there is nothing to do
		v.announce(kb, s)
		if err := v.settle(t.Context(), kb, s); err != nil {
			t.Fatal(err)
		}
	}
	want := []struct {
		kind             v1alpha1.HistoryKind
		reason, snapshot string
	}{
		{v1alpha1.HistoryVerified, "Restored", source.Name},
		{v1alpha1.HistoryAbandoned, "TimelineForked", later.Name},
		{v1alpha1.HistoryPinRemoved, "restore-next", source.Name},
	}
	got := recorded(t)
	if len(got) != len(want) {
		t.Fatalf("%d entries: %+v", len(got), got)
	}
	for i, e := range got {
		if e.Kind != want[i].kind || e.Reason != want[i].reason || e.Snapshot != want[i].snapshot || e.SnapshotUID == "" || e.Run == "" ||
			e.Claim != "a" || e.ClaimUID != "uid-a" || e.Cluster != "kafka" || e.Volume != s.Volume.Slot || e.Backup != "hourly" || e.Actor != history.Snapback {
			t.Errorf("%+v, want %+v", e, want[i])
		}
	}
}

// TestFindingIsRecordedOnce has a claim that is bound to another volume.
func TestFindingIsRecordedOnce(t *testing.T) {
	t.Parallel()
	v, recorded := recording()
	s := newSubject(t, "a", func(s *subject) { fill(s); given(s); s.pv.Annotations = nil })
	for range 2 {
		for _, f := range findings([]subject{s}, created) {
			v.warn(t.Context(), f)
		}
	}
	if got := recorded(t); len(got) != 1 || got[0].Kind != v1alpha1.HistoryFound || got[0].Reason != v1alpha1.ReasonRestoreNotHonoured || got[0].ClaimUID != "uid-a" || got[0].Cluster != "kafka" || got[0].Message == "" {
		t.Errorf("%+v", got)
	}
}

// TestVerifiedWithoutSnapshot has a source that was deleted since.
func TestVerifiedWithoutSnapshot(t *testing.T) {
	t.Parallel()
	v, recorded := recording()
	v.announce(optedInBackup().Obj(), newSubject(t, "a", func(s *subject) { fill(s); given(s) }))
	if got := recorded(t); len(got) != 1 || got[0].Snapshot != "before" || got[0].Run != "" || got[0].ClaimUID != "uid-a" {
		t.Errorf("%+v", got)
	}
}
