package snapshots_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestLostTogether checks whether another disk of the broker counts as lost together
// with this one: if it does, both go back to the same run.
func TestLostTogether(t *testing.T) {
	t.Parallel()
	a := func() *snapshotstest.Claim { return disk(0, "/a") }
	b := func() *snapshotstest.Claim { return disk(0, "/b") }
	from := func(s *snapshotstest.Snapshot) func(*corev1.PersistentVolumeClaim) {
		return func(pvc *corev1.PersistentVolumeClaim) {
			pvc.Spec.DataSource = &corev1.TypedLocalObjectReference{Kind: "VolumeSnapshot", Name: s.Obj().Name}
		}
	}
	waiting := list(diskSnapshot(b(), ago(hour)).Cut(ago(hour)))
	for name, test := range map[string]struct {
		own, other []*snapshotstest.Snapshot
		peers      []snapshots.Peer
		want       bool
	}{
		"the same last run":                        {own: hourlyOf(a, 1, 5), other: hourlyOf(b, 1, 5), want: true},
		"the other has one run more":               {own: hourlyOf(a, 2, 5), other: hourlyOf(b, 1, 5), want: true},
		"the other has two runs more":              {own: hourlyOf(a, 3, 5), other: hourlyOf(b, 1, 5)},
		"the other has one run less":               {own: hourlyOf(a, 1, 5), other: hourlyOf(b, 2, 5), want: true},
		"the other has two runs less":              {own: hourlyOf(a, 1, 5), other: hourlyOf(b, 3, 5)},
		"this one has no snapshot":                 {other: hourlyOf(b, 1, 5)},
		"the other has none that is ready":         {own: hourlyOf(a, 1, 5), other: waiting},
		"restored at once":                         {own: hourlyOf(a, 1, 5), other: hourlyOf(b, 1, 5), peers: []snapshots.Peer{peer(t, b(), "b", 0, from(hourlyOf(b, 2, 2)[0]))}, want: true},
		"restored when the last run came":          {own: hourlyOf(a, 1, 5), other: hourlyOf(b, 2, 5), peers: []snapshots.Peer{peer(t, b(), "b", hour, from(hourlyOf(b, 2, 2)[0]))}},
		"restored from a clock that is ahead":      {own: hourlyOf(a, 3, 5), other: hourlyOf(b, 1, 1), peers: []snapshots.Peer{peer(t, b(), "b", 2*hour, from(hourlyOf(b, 1, 1)[0]))}},
		"made empty by its operator, and not lost": {own: hourlyOf(a, 1, 5), other: hourlyOf(b, 1, 5), peers: []snapshots.Peer{peer(t, b(), "b", 0, nil)}},
	} {
		cluster := map[string][]snapshots.Snapshot{identify(t, b()).Hash(): readAll(t, test.other...)}
		around := snapshots.LookAround(identify(t, a()), readAll(t, test.own...), test.peers, cluster, now)
		if got := len(around.Siblings) > 0; got != test.want {
			t.Errorf("%s: lost together: %t, %v", name, got, around.Siblings)
		}
	}
}

// TestNoCommonRun checks a broker whose lost disks have no run in common, and whose
// newest snapshot is not ready. It gets the newest ready one, so that it need not
// wait.
func TestNoCommonRun(t *testing.T) {
	t.Parallel()
	waiting := diskSnapshot(disk(0, "/a"), ago(hour/2)).Cut(ago(hour / 2))
	all := readAll(t, append(hourlyOf(func() *snapshotstest.Claim { return disk(0, "/a") }, 1, 2), waiting)...)
	around := snapshots.Around{Siblings: [][]snapshots.RunKey{{{Backup: "another", Scheduled: 1}}}}
	got := selected(asked(t, disk(0, "/a"), driver), snapshots.Policy{v1alpha1.AnnotationRestore: latest}, around, all, now)
	if got.Reason != v1alpha1.ReasonRestored || !got.Snapshot.Scheduled.Equal(ago(hour)) || len(got.Warnings) != 1 {
		t.Errorf("%s %s, %q", got.Reason, got.SnapshotName(), got.Warnings)
	}
}

// TestHasOutlived checks a volume without a claim against the later runs of its
// cluster. One later run may have failed for this volume only; two mean that the
// cluster has gone on without it.
func TestHasOutlived(t *testing.T) {
	t.Parallel()
	own := func(from int) []snapshots.Snapshot {
		return readAll(t, hourlyOf(func() *snapshotstest.Claim { return disk(0, "/a") }, from, 9)...)
	}
	runs := map[string][]snapshots.Snapshot{"other": readAll(t, hourlyOf(func() *snapshotstest.Claim { return disk(1, "/a") }, 1, 9)...)}
	for name, test := range map[string]struct {
		own  []snapshots.Snapshot
		want bool
	}{
		"in the last run":          {own: own(1)},
		"not in the last run":      {own: own(2)},
		"not in the last two runs": {own: own(3), want: true},
		"without a snapshot":       {},
	} {
		if got := snapshots.Outlived(test.own, runs); got != test.want {
			t.Errorf("%s: the cluster has gone on without it: %t", name, got)
		}
	}
}
