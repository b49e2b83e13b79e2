package snapshots_test

import (
	"slices"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/snapshots"
)

// classOf is a class of EBS with parameters.
func classOf(name string, parameters map[string]string) snapshotv1.VolumeSnapshotClass {
	return snapshotv1.VolumeSnapshotClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Driver: snapshots.DriverEBS, Parameters: parameters}
}

func weekLocked() snapshotv1.VolumeSnapshotClass {
	return classOf("week", map[string]string{"lockMode": "governance", "lockDuration": "7"})
}

func TestLocksOn(t *testing.T) {
	cut := now.Add(-time.Hour)
	locks := snapshots.LocksOf([]snapshotv1.VolumeSnapshotClass{weekLocked(), classOf("free", nil),
		classOf("past", map[string]string{"lockMode": "governance", "lockExpirationDate": cut.Add(-time.Hour).Format(time.RFC3339)}),
		classOf("ever", map[string]string{"lockMode": "governance", "lockExpirationDate": "9999-12-31T00:00:00Z"}),
		classOf("date", map[string]string{"lockMode": "governance", "lockExpirationDate": cut.Add(30 * time.Hour).Format(time.RFC3339)})})
	if len(locks) != 4 {
		t.Errorf("%d classes lock, want 4", len(locks))
	}
	for name, test := range map[string]struct {
		snapshot snapshots.Snapshot
		want     time.Time
	}{
		"for days":                             {snapshots.Snapshot{Class: "week", Cut: cut, Ready: true}, cut.Add(8 * day)},
		"cut, and not ready yet":               {snapshots.Snapshot{Class: "week", Cut: cut}, cut.Add(8 * day)},
		"cut by a clock behind":                {snapshots.Snapshot{Class: "week", Scheduled: now, Cut: cut}, now.Add(8 * day)},
		"ready, its cut unknown":               {snapshots.Snapshot{Class: "week", Scheduled: now, Ready: true}, now.Add(8 * day)},
		"not cut":                              {snapshots.Snapshot{Class: "week", Scheduled: now, Failure: "no space"}, time.Time{}},
		"until a date":                         {snapshots.Snapshot{Class: "date", Cut: cut}, cut.Add(54 * time.Hour)},
		"for longer than a duration can be":    {snapshots.Snapshot{Class: "ever", Cut: cut}, cut.Add(36501 * day)},
		"until a date that was before its cut": {snapshots.Snapshot{Class: "past", Cut: cut}, time.Time{}},
		"of a class without a lock":            {snapshots.Snapshot{Class: "free", Cut: cut}, time.Time{}},
		"of a class that is gone":              {snapshots.Snapshot{Class: "gone", Cut: cut}, time.Time{}},
		"of no class":                          {snapshots.Snapshot{Cut: cut}, time.Time{}},
	} {
		all := []snapshots.Snapshot{test.snapshot}
		if got := ptr.Deref(locks.On(all)[0].LockedUntil, time.Time{}); !got.Equal(test.want) {
			t.Errorf("%s: locked until %s, want %s", name, got, test.want)
		}
		if all[0].LockedUntil != nil {
			t.Errorf("%s: the snapshots that it was given are changed", name)
		}
	}
}

// TestLockedStay checks that no limit takes a locked snapshot before its lock has
// ended, and that it is said why it stays.
func TestLockedStay(t *testing.T) {
	locked := func(until time.Duration) []snapshots.Snapshot {
		all := hours("v", 1, 2, 5, 6)
		all[2].LockedUntil, all[3].LockedUntil = ptr.To(now.Add(until)), ptr.To(now.Add(until))
		return append(all, taken("f25", "v", 25*hour, "f"))
	}
	for name, r := range map[string]snapshots.Retention{"time": {Time: hour}, "count": {Count: 2}} {
		if got, want := names(r.Prunable(locked(time.Second), nil, now)), []string{"f25"}; !slices.Equal(got, want) {
			t.Errorf("%s: %v are pruned, want %v", name, got, want)
		}
		if got, want := names(r.Beyond(locked(time.Second), nil, false, now)[snapshots.KeptLocked]), []string{"v5", "v6"}; !slices.Equal(got, want) {
			t.Errorf("%s: %v are kept for their locks, want %v", name, got, want)
		}
		if got, want := names(r.Prunable(locked(0), nil, now)), []string{"f25", "v6", "v5"}; !slices.Equal(got, want) {
			t.Errorf("%s: at the end of the lock %v are pruned, want %v", name, got, want)
		}
	}
	if got := (snapshots.Retention{}).Beyond(locked(time.Hour), nil, false, now); len(got) != 0 {
		t.Errorf("without a retention nothing is kept beyond it: %v", got)
	}
}
