package snapshots_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func controller(id int) *snapshotstest.Claim { return disk(id, "/a").Label("pvcRoles", "controller") }

func zooKeeper(id int) *snapshotstest.Claim {
	return snapshotstest.PlainClaim("").Label(v1alpha1.LabelCluster, "kafka").Label(v1alpha1.LabelBroker, string(rune('a'+id))).
		Label(v1alpha1.LabelRole, "zookeeper").Class("csi-ssd")
}

// snapshotsOf returns ready snapshots of the claims, of the given age.
func snapshotsOf(age time.Duration, claims ...*snapshotstest.Claim) (all []*snapshotstest.Snapshot) {
	for _, c := range claims {
		all = append(all, snapshotstest.NewSnapshot(c.Named("voter-of-"+identifyAny(c).Node), hourly(), driver, ago(age)).Ready())
	}
	return all
}

func identifyAny(c *snapshotstest.Claim) snapshots.Volume {
	v, _ := snapshots.Identify(snapshotstest.Namespace, c.Obj(), nil)
	return v
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
		outcome v1alpha1.Outcome
		reason  v1alpha1.Reason
	}{
		"the majority is there":             {voter(0), "", bound(1, 2), v1alpha1.OutcomeAllow, v1alpha1.ReasonQuorumVolume},
		"the majority is lost":              {voter(0), "", bound(1), v1alpha1.OutcomeDeny, v1alpha1.ReasonQuorumUndecided},
		"all are lost":                      {voter(0), "", nil, v1alpha1.OutcomeDeny, v1alpha1.ReasonQuorumUndecided},
		"the majority is lost, to be empty": {voter(0), "empty", bound(1), v1alpha1.OutcomeAllow, v1alpha1.ReasonQuorumVolume},
		"the majority is lost, restored":    {voter(0), "true", bound(1), v1alpha1.OutcomeRestore, v1alpha1.ReasonRestored},
		"combined, the majority is there":   {combined(0), "", bound(1, 2), v1alpha1.OutcomeDeny, v1alpha1.ReasonQuorumUndecided},
		"combined, restored":                {combined(0), "true", bound(1, 2), v1alpha1.OutcomeRestore, v1alpha1.ReasonRestored},
	}
	for name, test := range tests {
		claim := asked(t, test.claim, driver)
		cluster := map[string][]snapshots.Snapshot{}
		for _, s := range readAll(t, known...) {
			cluster[s.Volume] = append(cluster[s.Volume], s)
		}
		around := snapshots.LookAround(claim.Volume, nil, test.peers, cluster, now)
		policy := snapshots.Policy{v1alpha1.AnnotationRestore: latest, v1alpha1.AnnotationRestoreQuorum: test.policy}
		if got := selected(claim, policy, around, readAll(t, known[0]), now); got.Outcome != test.outcome || got.Reason != test.reason {
			t.Errorf("%s: %s %s (%s), want %s %s", name, got.Outcome, got.Reason, got.Message, test.outcome, test.reason)
		}
	}
}

// TestVotes checks a quorum of three members. This one is lost. Can the other two
// bring it up to date?
func TestVotes(t *testing.T) {
	t.Parallel()
	three := []*snapshotstest.Claim{controller(0), controller(1), controller(2)}
	known := append(snapshotsOf(hour, three...), snapshotsOf(2*hour, three...)...)
	voter := func(id int, age time.Duration, change func(*corev1.PersistentVolumeClaim)) snapshots.Peer {
		return peer(t, controller(id), "voter-of-"+string(rune('0'+id)), age, change)
	}
	blank := func(pvc *corev1.PersistentVolumeClaim) { pvc.UID = "another" }
	restored := func(pvc *corev1.PersistentVolumeClaim) {
		pvc.UID = "another"
		pvc.Spec.DataSource = &corev1.TypedLocalObjectReference{Kind: "VolumeSnapshot", Name: "s"}
	}
	promoted := func(pvc *corev1.PersistentVolumeClaim) {
		pvc.UID = "another"
		pvc.Annotations[v1alpha1.AnnotationPromote] = "true"
	}
	old := voter(1, 100*hour, nil)
	proven := snapshotstest.NewSnapshot(controller(2).Named("voter-of-2"), hourly(), driver, ago(hour/2)).Ready().
		Annotate(v1alpha1.AnnotationSourcePVCUID, "another").Lineage("second", true)
	unproven := snapshotstest.NewSnapshot(controller(2).Named("voter-of-2"), hourly(), driver, ago(hour/2)).Ready().
		Annotate(v1alpha1.AnnotationSourcePVCUID, "another").Lineage("second", false)
	sameDisk := snapshotstest.NewSnapshot(controller(2).Named("voter-of-2"), hourly(), driver, ago(3*hour)).Ready().
		Annotate(v1alpha1.AnnotationSourcePV, "pv-2")
	zookeepers := []snapshots.Peer{peer(t, zooKeeper(0), "z0", 100*hour, nil), peer(t, zooKeeper(1), "z1", 100*hour, nil), peer(t, zooKeeper(2), "z2", 100*hour, nil)}
	scaledDown := snapshotsOf(30*24*hour, controller(3), controller(4))
	tests := map[string]struct {
		claim *snapshotstest.Claim // nil: the controller 0
		known []*snapshotstest.Snapshot
		peers []snapshots.Peer
		empty bool // it may start empty; else a person decides
	}{
		"two old ones":                                            {peers: []snapshots.Peer{old, voter(2, 100*hour, nil)}, empty: true},
		"one was born empty half a minute ago":                    {peers: []snapshots.Peer{old, voter(2, 30*time.Second, blank)}},
		"one is new, and came after the snapshots":                {known: list(), peers: []snapshots.Peer{old, peer(t, controller(5), "fifth", time.Minute, nil), voter(2, 100*hour, nil), peer(t, controller(6), "sixth", time.Minute, nil)}},
		"one is new, and came before the newest":                  {known: snapshotsOf(time.Minute, controller(0)), peers: []snapshots.Peer{old, peer(t, controller(5), "fifth", 2*time.Minute, nil), voter(2, 100*hour, nil), peer(t, controller(6), "sixth", 2*time.Minute, nil)}, empty: true},
		"one was born empty half an hour ago":                     {peers: []snapshots.Peer{old, voter(2, hour/2, blank)}},
		"its next snapshot is not proven":                         {known: list(unproven), peers: []snapshots.Peer{old, voter(2, hour*3/4, blank)}},
		"its next snapshot is proven":                             {known: list(proven), peers: []snapshots.Peer{old, voter(2, hour*3/4, blank)}, empty: true},
		"one was born empty two days ago, and is not snapshotted": {peers: []snapshots.Peer{old, voter(2, 48*hour, blank)}, known: snapshotsOf(60*24*hour, three...), empty: true},
		"a duplicate of one is Pending":                           {peers: []snapshots.Peer{old, voter(2, 100*hour, nil), peer(t, controller(2), "twin", hour, func(pvc *corev1.PersistentVolumeClaim) { pvc.Status.Phase = corev1.ClaimPending })}, empty: true},
		"a person has promoted it":                                {peers: []snapshots.Peer{old, voter(2, hour/2, promoted)}, empty: true},
		"one was restored half a minute ago":                      {peers: []snapshots.Peer{old, voter(2, 30*time.Second, restored)}},
		"one was restored half an hour ago":                       {peers: []snapshots.Peer{old, voter(2, hour/2, restored)}, empty: true},
		"one was bound to its own volume again":                   {known: list(sameDisk), peers: []snapshots.Peer{old, voter(2, hour/2, func(pvc *corev1.PersistentVolumeClaim) { pvc.UID, pvc.Spec.VolumeName = "another", "pv-2" })}, empty: true},
		"three ZooKeepers hide a lost majority":                   {peers: append(zookeepers, old)},
		"ZooKeeper's snapshots are no controllers":                {known: snapshotsOf(hour, zooKeeper(0), zooKeeper(1), zooKeeper(2)), peers: []snapshots.Peer{old, voter(2, 100*hour, nil)}, empty: true},
		"two were scaled down a month ago":                        {known: scaledDown, peers: []snapshots.Peer{old, voter(2, 100*hour, nil)}, empty: true},
		"two more are lost since yesterday":                       {known: snapshotsOf(24*hour, controller(3), controller(4)), peers: []snapshots.Peer{old, voter(2, 100*hour, nil)}},
		"a ZooKeeper among its own":                               {claim: zooKeeper(0), known: snapshotsOf(hour, zooKeeper(0), zooKeeper(1), zooKeeper(2)), peers: append(zookeepers[1:], old), empty: true},
		"a ZooKeeper among controllers":                           {claim: zooKeeper(0), known: snapshotsOf(hour, zooKeeper(0), zooKeeper(1), zooKeeper(2)), peers: []snapshots.Peer{old, voter(2, 100*hour, nil)}},
	}
	for name, test := range tests {
		if test.claim == nil {
			test.claim = controller(0)
		}
		claim := asked(t, test.claim, driver)
		cluster := map[string][]snapshots.Snapshot{}
		for _, s := range readAll(t, append(test.known, known...)...) {
			cluster[s.Volume] = append(cluster[s.Volume], s)
		}
		own := cluster[claim.Volume.Hash()]
		around := snapshots.LookAround(claim.Volume, own, test.peers, cluster, now)
		got := selected(claim, snapshots.Policy{v1alpha1.AnnotationRestore: latest}, around, own, now)
		if want := map[bool]v1alpha1.Reason{true: v1alpha1.ReasonQuorumVolume, false: v1alpha1.ReasonQuorumUndecided}[test.empty]; got.Reason != want {
			t.Errorf("%s: %s %s with %+v, want %s", name, got.Outcome, got.Reason, around.Quorum, want)
		}
		if says := fmt.Sprintf("Of %d members that are known, %d others", around.Quorum.Members, around.Quorum.Votes); !test.empty && !strings.Contains(got.Message, says) {
			t.Errorf("%s: it does not say %q: %s", name, says, got.Message)
		}
	}
}

// TestForgottenPin checks a pin on a controller's snapshot while the majority of its
// quorum is there.
func TestForgottenPin(t *testing.T) {
	t.Parallel()
	three := []*snapshotstest.Claim{controller(0), controller(1), controller(2)}
	pinned := func(age time.Duration) *snapshotstest.Snapshot {
		return snapshotsOf(age, controller(0))[0].Annotate(v1alpha1.AnnotationRestoreNext, "true")
	}
	for name, test := range map[string]struct {
		pin  *snapshotstest.Snapshot
		want v1alpha1.Reason
	}{
		"of the last run":            {pinned(hour), v1alpha1.ReasonRestored},
		"of 40 days ago":             {pinned(40 * 24 * hour), v1alpha1.ReasonQuorumVolume},
		"of 40 days ago, by kubectl": {pinned(40*24*hour).Annotate(v1alpha1.AnnotationRestoring, "run/20260120-120000 lost"), v1alpha1.ReasonRestored},
	} {
		cluster := map[string][]snapshots.Snapshot{}
		for _, s := range readAll(t, append(append(snapshotsOf(hour, three[1:]...), snapshotsOf(2*hour, three...)...), test.pin)...) {
			cluster[s.Volume] = append(cluster[s.Volume], s)
		}
		claim := asked(t, controller(0), driver)
		own := cluster[claim.Volume.Hash()]
		peers := []snapshots.Peer{peer(t, controller(1), "voter-of-1", 100*24*hour, nil), peer(t, controller(2), "voter-of-2", 100*24*hour, nil)}
		around := snapshots.LookAround(claim.Volume, own, peers, cluster, now)
		if got := selected(claim, snapshots.Policy{v1alpha1.AnnotationRestore: latest}, around, own, now); got.Reason != test.want {
			t.Errorf("%s: %s %s with %+v, want %s", name, got.Outcome, got.Reason, around.Quorum, test.want)
		}
	}
}

// TestGuessedRole checks the claim of a controller that is created before the node
// pool that has its role.
func TestGuessedRole(t *testing.T) {
	t.Parallel()
	claim := func() *snapshotstest.Claim {
		return snapshotstest.StrimziClaim("kafka", "controllers", 0, 0).Annotate(v1alpha1.AnnotationRestore, latest)
	}
	as := func(role snapshots.Role) *snapshotstest.Snapshot {
		return snapshotstest.NewSnapshot(claim(), hourly(), driver, ago(hour)).Ready().Annotate(v1alpha1.AnnotationRole, string(role))
	}
	tests := map[string]struct {
		said snapshots.Role // by the operator; empty: it says nothing
		was  snapshots.Role
		want v1alpha1.Reason
	}{
		"a controller, by its snapshot":    {was: snapshots.RoleController, want: v1alpha1.ReasonQuorumUndecided},
		"a combined node, by its snapshot": {was: snapshots.RoleCombined, want: v1alpha1.ReasonQuorumUndecided},
		"a broker":                         {was: snapshots.RoleBroker, want: v1alpha1.ReasonRestored},
		"a broker by now":                  {said: snapshots.RoleBroker, was: snapshots.RoleCombined, want: v1alpha1.ReasonRestored},
		"a controller by now":              {said: snapshots.RoleController, was: snapshots.RoleBroker, want: v1alpha1.ReasonQuorumUndecided},
	}
	for name, test := range tests {
		c := asked(t, claim(), driver)
		if test.said != "" {
			c.Volume.Role, c.Volume.RoleSaid = test.said, true
		}
		all := readAll(t, as(test.was))
		around := snapshots.LookAround(c.Volume, all, nil, map[string][]snapshots.Snapshot{c.Volume.Hash(): all}, now)
		if got := selected(c, optIn(), around, all, now); got.Reason != test.want {
			t.Errorf("%s: %s %s, want %s", name, got.Outcome, got.Reason, test.want)
		}
	}
}
