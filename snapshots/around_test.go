package snapshots_test

import (
	"reflect"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func disk(broker int, mountPath string) *snapshotstest.Claim {
	return snapshotstest.KoperatorClaim("kafka", broker, mountPath).Class("csi-ssd")
}

func diskSnapshot(c *snapshotstest.Claim, scheduled time.Time) *snapshotstest.Snapshot {
	pvc := c.Obj()
	return snapshotstest.NewSnapshot(c.Named(pvc.GenerateName+pvc.Annotations["mountPath"][1:]), hourly(), driver, scheduled)
}

// peer is a live claim, created so long ago.
func peer(t *testing.T, c *snapshotstest.Claim, name string, age time.Duration, change func(*corev1.PersistentVolumeClaim)) snapshots.Peer {
	t.Helper()
	pvc := c.Named(name).Obj()
	pvc.CreationTimestamp = metav1.NewTime(ago(age))
	pvc.Status.Phase = corev1.ClaimBound
	if change != nil {
		change(pvc)
	}
	return snapshots.NewPeer(identify(t, c), pvc)
}

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
		got := snapshots.LookAround(v, readAll(t, own...), test.peers, others)
		if !reflect.DeepEqual(got.Siblings, test.want) {
			t.Errorf("%s: %v, want %v", name, got.Siblings, test.want)
		}
	}
}

func TestSelectAmongSiblings(t *testing.T) {
	first, second := diskSnapshot(disk(0, "/a"), ago(2*hour)).Ready(), diskSnapshot(disk(0, "/a"), ago(1*hour)).Ready()
	claim := asked(t, disk(0, "/a"), driver)
	policy := snapshots.Policy{snapshots.AnnotationRestore: latest}
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
		got := snapshots.Select(claim, policy, snapshots.Around{Siblings: test.siblings}, readAll(t, first, second), now)
		if got.SnapshotName() != test.want.Obj().Name || (len(got.Warnings) > 0) != test.warned {
			t.Errorf("%s: %s, %q; want %s", name, got.SnapshotName(), got.Warnings, test.want.Obj().Name)
		}
	}
}

func TestLookAroundDuplicate(t *testing.T) {
	v := identify(t, disk(0, "/a"))
	live := []snapshots.Peer{peer(t, disk(0, "/a"), "a-2", hour, nil), peer(t, disk(0, "/a"), "a-1", hour, nil), peer(t, disk(1, "/a"), "z", hour, nil)}
	for _, peers := range [][]snapshots.Peer{live, {live[1], live[2], live[0]}} {
		around := snapshots.LookAround(v, nil, peers, nil)
		got := snapshots.Select(asked(t, disk(0, "/a"), driver), snapshots.Policy{snapshots.AnnotationRestore: latest}, around, nil, now)
		if got.Outcome != snapshots.Deny || got.Reason != snapshots.DuplicateVolume || around.Duplicate != "a-2" {
			t.Errorf("%+v of %+v", got, around)
		}
	}
}

func TestQuorum(t *testing.T) {
	voter := func(broker int) *snapshotstest.Claim { return disk(broker, "/a").Label("pvcRoles", "controller") }
	bound := func(brokers ...int) (peers []snapshots.Peer) {
		for _, b := range brokers {
			peers = append(peers, peer(t, voter(b), "voter", hour, nil))
		}
		return append(peers, peer(t, disk(9, "/a"), "a broker", hour, nil))
	}
	var known []*snapshotstest.Snapshot
	for b := range 3 {
		known = append(known, diskSnapshot(voter(b), ago(hour)).Ready())
	}
	combined := func(broker int) *snapshotstest.Claim {
		return disk(broker, "/a").Label("pvcRoles", "broker_controller")
	}
	tests := map[string]struct {
		claim   *snapshotstest.Claim
		policy  string
		peers   []snapshots.Peer
		outcome snapshots.Outcome
		reason  snapshots.Reason
	}{
		"the majority is there":             {voter(0), "", bound(1, 2), snapshots.Allow, snapshots.QuorumVolume},
		"the majority is lost":              {voter(0), "", bound(1), snapshots.Deny, snapshots.QuorumUndecided},
		"all are lost":                      {voter(0), "", nil, snapshots.Deny, snapshots.QuorumUndecided},
		"the majority is lost, to be empty": {voter(0), "empty", bound(1), snapshots.Allow, snapshots.QuorumVolume},
		"the majority is lost, restored":    {voter(0), "true", bound(1), snapshots.Restore, snapshots.Restored},
		"combined, the majority is there":   {combined(0), "", bound(1, 2), snapshots.Deny, snapshots.QuorumUndecided},
		"combined, restored":                {combined(0), "true", bound(1, 2), snapshots.Restore, snapshots.Restored},
	}
	for name, test := range tests {
		claim := asked(t, test.claim, driver)
		cluster := map[string][]snapshots.Snapshot{}
		for _, s := range readAll(t, known...) {
			cluster[s.Volume] = append(cluster[s.Volume], s)
		}
		around := snapshots.LookAround(claim.Volume, nil, test.peers, cluster)
		policy := snapshots.Policy{snapshots.AnnotationRestore: latest, snapshots.AnnotationRestoreQuorum: test.policy}
		if got := snapshots.Select(claim, policy, around, readAll(t, known[0]), now); got.Outcome != test.outcome || got.Reason != test.reason {
			t.Errorf("%s: %s %s (%s), want %s %s", name, got.Outcome, got.Reason, got.Message, test.outcome, test.reason)
		}
	}
}
