package scheduler

import (
	"slices"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestFindLocked has a class that locks for a week.
func TestFindLocked(t *testing.T) {
	locks := snapshots.LocksOf([]snapshotv1.VolumeSnapshotClass{{ObjectMeta: metav1.ObjectMeta{Name: "locked"}, Driver: snapshots.DriverEBS,
		Parameters: map[string]string{"lockMode": "governance", "lockDuration": "7"}}})
	for name, test := range map[string]struct {
		class, schedule string
		age             string
		count           *int32
		found           bool
	}{
		"shorter":                    {class: "locked", schedule: "@hourly", age: "24h", found: true},
		"as long":                    {class: "locked", schedule: "@hourly", age: "168h"},
		"for ever":                   {class: "locked", schedule: "@hourly"},
		"too few":                    {class: "locked", schedule: "@hourly", count: ptr.To[int32](167), found: true},
		"enough":                     {class: "locked", schedule: "@hourly", count: ptr.To[int32](168)},
		"few, of a schedule unknown": {class: "locked", schedule: "often", count: ptr.To[int32](2)},
		"of another class":           {class: "free", schedule: "@hourly", age: "24h"},
	} {
		kb := snapshotstest.NewBackup("b", "kafka", test.class).Schedule(test.schedule).Spec(func(s *v1alpha1.KafkaBackupSpec) {
			s.RetentionTime, s.RetentionCount = test.age, test.count
		}).Obj()
		b, err := snapshots.NewBackup(kb)
		if err != nil {
			t.Fatal(err)
		}
		e := &examination{kb: kb, now: ten, seen: view{backup: b, locks: locks}}
		var want []string
		if test.found {
			want = []string{"locked"}
		}
		if got, err := findLocked(t.Context(), e); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v (error: %v)", name, got, want, err)
		}
	}
}

func TestFindUndeleted(t *testing.T) {
	deleted := func(name string, ago time.Duration) snapshots.Snapshot {
		return snapshots.Snapshot{Name: name, Deleting: true, DeletedAt: &metav1.Time{Time: ten.Add(-ago)}}
	}
	e := &examination{now: ten, seen: view{own: []snapshots.Snapshot{
		deleted("c", 2*time.Hour), {Name: "not deleted"}, deleted("just now", time.Minute), deleted("a", time.Hour+time.Second), deleted("in an hour", time.Hour)}}}
	if got, err := findUndeleted(t.Context(), e); err != nil || !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("%v, want those of more than an hour ago (error: %v)", got, err)
	}
}
