package snapshots_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func TestLookAroundSiblings(t *testing.T) {
	own := []*snapshotstest.Snapshot{
		diskSnapshot(disk(0, "/a"), ago(1*hour)).Ready(), diskSnapshot(disk(0, "/a"), ago(2*hour)).Ready(),
	}
	sibling := []*snapshotstest.Snapshot{
		diskSnapshot(disk(0, "/b"), ago(1*hour)), diskSnapshot(disk(0, "/b"), ago(2*hour)).Ready(),
	}
	second := read(t, own[1]).Run()
	from := func(s *snapshotstest.Snapshot) func(*corev1.PersistentVolumeClaim) {
		return func(pvc *corev1.PersistentVolumeClaim) {
			pvc.Spec.DataSource = &corev1.TypedLocalObjectReference{Kind: "VolumeSnapshot", Name: s.Obj().Name}
		}
	}
	tests := map[string]struct {
		peers []snapshots.Peer
		want  [][]snapshots.RunKey
	}{
		"the other disk is lost too":      {want: [][]snapshots.RunKey{{second}}},
		"the other disk is well":          {peers: []snapshots.Peer{peer(t, disk(0, "/b"), "b", 9*hour, nil)}},
		"it is being deleted":             {peers: []snapshots.Peer{peer(t, disk(0, "/b"), "b", 9*hour, func(p *corev1.PersistentVolumeClaim) { p.DeletionTimestamp = &metav1.Time{Time: now} })}, want: [][]snapshots.RunKey{{second}}},
		"it has been restored just now":   {peers: []snapshots.Peer{peer(t, disk(0, "/b"), "b", 0, from(sibling[1]))}, want: [][]snapshots.RunKey{{second}}},
		"it was restored and in use then": {peers: []snapshots.Peer{peer(t, disk(0, "/b"), "b", hour+time.Minute, from(sibling[1]))}},
	}
	for name, test := range tests {
		v := identify(t, disk(0, "/a"))
		others := map[string][]snapshots.Snapshot{identify(t, disk(0, "/b")).Hash(): readAll(t, sibling...)}
		got := snapshots.LookAround(v, readAll(t, own...), test.peers, others, now)
		if !reflect.DeepEqual(got.Siblings, test.want) {
			t.Errorf("%s: %v, want %v", name, got.Siblings, test.want)
		}
	}
}

// TestSiblingMayGet has another disk some of whose snapshots its next claim does not
// get: a run of which it has only such a one is none from which both can be restored.
func TestSiblingMayGet(t *testing.T) {
	t.Parallel()
	a, b := disk(0, "/a"), disk(0, "/b")
	own := readAll(t, diskSnapshot(a, ago(1*hour)).Ready(), diskSnapshot(a, ago(2*hour)).Ready())
	good := func() *snapshotstest.Snapshot { return diskSnapshot(b, ago(2*hour)).Ready().Lineage("first", true) }
	newest := func() *snapshotstest.Snapshot { return diskSnapshot(b, ago(1*hour)).Ready() }
	for name, newer := range map[string]*snapshotstest.Snapshot{
		"it came back empty":                  newest().Lineage("second", false),
		"a restore from an older one left it": newest().Lineage("first", true).Annotate(v1alpha1.AnnotationAbandoned, good().Obj().Name),
		"a drill found it damaged":            newest().Lineage("first", true).Damaged(),
	} {
		others := map[string][]snapshots.Snapshot{identify(t, b).Hash(): readAll(t, newer, good())}
		got := snapshots.LookAround(identify(t, a), own, nil, others, now).Siblings
		if want := [][]snapshots.RunKey{{read(t, good()).Run()}}; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestSelectAmongSiblings(t *testing.T) {
	first, second := diskSnapshot(disk(0, "/a"), ago(2*hour)).Ready(), diskSnapshot(disk(0, "/a"), ago(1*hour)).Ready()
	claim := asked(t, disk(0, "/a"), driver)
	policy := snapshots.Policy{v1alpha1.AnnotationRestore: latest}
	run := func(s *snapshotstest.Snapshot) snapshots.RunKey { return read(t, s).Run() }
	tests := map[string]struct {
		siblings [][]snapshots.RunKey
		want     *snapshotstest.Snapshot
		warned   bool
	}{
		"none":             {want: second},
		"both runs":        {siblings: [][]snapshots.RunKey{{run(first), run(second)}}, want: second},
		"only the older":   {siblings: [][]snapshots.RunKey{{run(first), run(second)}, {run(first)}}, want: first},
		"no run in common": {siblings: [][]snapshots.RunKey{{run(first)}, {run(second)}}, want: second, warned: true},
		"another backup's": {siblings: [][]snapshots.RunKey{{{Backup: "daily", Scheduled: run(second).Scheduled}}}, want: second, warned: true},
	}
	for name, test := range tests {
		got := selected(claim, policy, snapshots.Around{Siblings: test.siblings}, readAll(t, first, second), now)
		if got.SnapshotName() != test.want.Obj().Name || (len(got.Warnings) > 0) != test.warned || (got.Newer == nil) != (test.want == second) {
			t.Errorf("%s: %s, %q; want %s", name, got.SnapshotName(), got.Warnings, test.want.Obj().Name)
		}
	}
}

// hourlyOf returns ready snapshots of a disk, one for each hour of a range of hours
// ago, the newest first.
func hourlyOf(c func() *snapshotstest.Claim, from, to int) (all []*snapshotstest.Snapshot) {
	for h := from; h <= to; h++ {
		all = append(all, diskSnapshot(c(), ago(time.Duration(h)*hour)).Ready())
	}
	return all
}

// TestSiblingsOfAnotherTime checks disks of a broker that were not lost together:
// one must not send the other back in time.
func TestSiblingsOfAnotherTime(t *testing.T) {
	t.Parallel()
	a := func() *snapshotstest.Claim { return disk(0, "/a") }
	b := func() *snapshotstest.Claim { return disk(0, "/b") }
	daily := snapshotstest.NewBackup("daily", "kafka", "csi-snapshots")
	byDay := func(c func() *snapshotstest.Claim, age time.Duration) *snapshotstest.Snapshot {
		return snapshotstest.NewSnapshot(c().Named(c().Obj().GenerateName+c().Obj().Annotations["mountPath"][1:]), daily, driver, ago(age)).Ready()
	}
	restoredFrom := func(age time.Duration, source *snapshotstest.Snapshot) []snapshots.Peer {
		return []snapshots.Peer{peer(t, b(), "b", age, func(pvc *corev1.PersistentVolumeClaim) {
			pvc.Spec.DataSource = &corev1.TypedLocalObjectReference{Kind: "VolumeSnapshot", Name: source.Obj().Name}
		})}
	}
	last := hourlyOf(b, 16, 20)
	tests := map[string]struct {
		own, other []*snapshotstest.Snapshot
		peers      []snapshots.Peer
		want       time.Duration // age of the snapshot that the claim gets
	}{
		"lost together":                           {own: hourlyOf(a, 1, 20), other: hourlyOf(b, 1, 20), want: 1 * hour},
		"the last run has failed for the other":   {own: hourlyOf(a, 1, 20), other: hourlyOf(b, 2, 20), want: 2 * hour},
		"the last run has failed for this one":    {own: hourlyOf(a, 2, 20), other: hourlyOf(b, 1, 20), want: 2 * hour},
		"the other has failed for two runs":       {own: hourlyOf(a, 1, 20), other: hourlyOf(b, 3, 20), want: 1 * hour},
		"removed 15 hours ago":                    {own: hourlyOf(a, 1, 20), other: last, want: 1 * hour},
		"removed 30 days ago":                     {own: append(hourlyOf(a, 1, 20), hourlyOf(a, 720, 721)...), other: hourlyOf(b, 720, 721), want: 1 * hour},
		"this one was removed, and is back":       {own: hourlyOf(a, 16, 20), other: hourlyOf(b, 1, 20), want: 16 * hour},
		"removed, both in the last daily run":     {own: append(hourlyOf(a, 1, 20), byDay(a, 18*hour)), other: append(last, byDay(b, 18*hour)), want: 1 * hour},
		"two KafkaBackups have run since":         {own: append(hourlyOf(a, 1, 20), byDay(a, hour+time.Minute)), other: hourlyOf(b, 2, 20), want: 2 * hour},
		"restored from long ago by a person":      {own: hourlyOf(a, 1, 20), other: last, peers: restoredFrom(0, last[0]), want: 1 * hour},
		"restored together, and backed up since":  {own: hourlyOf(a, 3, 20), other: append(hourlyOf(b, 1, 2), hourlyOf(b, 4, 20)...), peers: restoredFrom(hour*5/2, hourlyOf(b, 4, 4)[0]), want: 4 * hour},
		"restored hours ago, and lost only by us": {own: hourlyOf(a, 1, 20), other: hourlyOf(b, 4, 20), peers: restoredFrom(hour*7/2, hourlyOf(b, 4, 4)[0]), want: 1 * hour},
	}
	for name, test := range tests {
		v, own := identify(t, a()), readAll(t, test.own...)
		slices.SortFunc(own, func(a, b snapshots.Snapshot) int { return b.Scheduled.Compare(a.Scheduled) })
		cluster := map[string][]snapshots.Snapshot{v.Hash(): own, identify(t, b()).Hash(): readAll(t, test.other...)}
		around := snapshots.LookAround(v, own, test.peers, cluster, now)
		got := selected(asked(t, a(), driver), snapshots.Policy{v1alpha1.AnnotationRestore: latest}, around, own, now)
		if got.Outcome != v1alpha1.OutcomeRestore || !got.Snapshot.Scheduled.Equal(ago(test.want)) {
			t.Errorf("%s: %s %s %s, want the one of %s ago", name, got.Outcome, got.Reason, got.SnapshotName(), test.want)
			continue
		}
		passed := !got.Snapshot.Scheduled.Equal(own[0].Scheduled)
		said := strings.Join(got.Said(), "; ")
		if named := strings.Contains(said, own[0].Name); passed != named {
			t.Errorf("%s: the newest, %s, is passed over: %t; said is %q", name, own[0].Name, passed, said)
		}
	}
}
