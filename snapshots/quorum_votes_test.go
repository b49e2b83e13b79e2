package snapshots_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestVotesOfTheOther checks whether the other of two members has the data that both
// have agreed on. This one is lost. With one vote too many, a controller would start
// empty that no other can bring up to date.
func TestVotesOfTheOther(t *testing.T) {
	t.Parallel()
	born := func(uid types.UID, pv string) func(*corev1.PersistentVolumeClaim) {
		return func(pvc *corev1.PersistentVolumeClaim) { pvc.UID, pvc.Spec.VolumeName = uid, pv }
	}
	pending := func(pvc *corev1.PersistentVolumeClaim) { pvc.Status.Phase = corev1.ClaimPending }
	of := func(age time.Duration) *snapshotstest.Snapshot { return snapshotsOf(age, controller(1))[0] }
	onPV := func(age time.Duration) *snapshotstest.Snapshot {
		return of(age).Annotate(v1alpha1.AnnotationSourcePV, "pv-1")
	}
	for name, test := range map[string]struct {
		age    time.Duration // of its claim
		change func(*corev1.PersistentVolumeClaim)
		known  *snapshotstest.Snapshot // of its volume
		votes  int
	}{
		"it was always there":                         {age: 100 * hour, votes: 1},
		"it is not bound":                             {age: 100 * hour, change: pending},
		"born empty after its volume was snapshotted": {age: hour, change: born("new", "pv-2"), known: onPV(2 * hour)},
		"born empty a day ago, and good by now":       {age: 24 * hour, change: born("new", "pv-2"), known: onPV(30 * hour), votes: 1},
		"born empty a second less than a day ago":     {age: 24*hour - time.Second, change: born("new", "pv-2"), known: onPV(30 * hour)},
		"bound to the volume that was snapshotted":    {age: hour, change: born("new", "pv-1"), known: onPV(2 * hour), votes: 1},
		"as old as its first snapshot":                {age: 2 * hour, change: born("new", "pv-2"), known: onPV(2 * hour), votes: 1},
		"new, and had the time to catch up":           {age: 5 * time.Minute, votes: 1},
		"new, and had a second less":                  {age: 5*time.Minute - time.Second},
	} {
		cluster := map[string][]snapshots.Snapshot{}
		if test.known != nil {
			s := read(t, test.known).Lean()
			cluster[s.Volume] = []snapshots.Snapshot{s}
		}
		around := snapshots.LookAround(identify(t, controller(0)), nil, []snapshots.Peer{peer(t, controller(1), "voter-of-1", test.age, test.change)}, cluster, now)
		if around.Quorum.Members != 2 || around.Quorum.Votes != test.votes {
			t.Errorf("%s: %+v, want %d votes", name, around.Quorum, test.votes)
		}
	}
}

// TestMembersThatAreGone checks a member without a claim: it counts until its cluster
// has gone on without it for a week.
func TestMembersThatAreGone(t *testing.T) {
	t.Parallel()
	for age, members := range map[time.Duration]int{hour: 2, 7 * day: 2, 7*day + time.Second: 1} {
		cluster := map[string][]snapshots.Snapshot{}
		for _, s := range readAll(t, append(snapshotsOf(age, controller(1)), hourlyOf(func() *snapshotstest.Claim { return disk(9, "/a") }, 1, 3)...)...) {
			cluster[s.Volume] = append(cluster[s.Volume], s)
		}
		around := snapshots.LookAround(identify(t, controller(0)), nil, nil, cluster, now)
		if around.Quorum.Members != members {
			t.Errorf("last seen %s ago: %+v, want %d members", age, around.Quorum, members)
		}
	}
}
