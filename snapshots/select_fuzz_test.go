package snapshots_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// bits takes choices from fuzzed bytes, and zeros when these are used up.
type bits struct{ data []byte }

func (b *bits) next() int {
	if len(b.data) == 0 {
		return 0
	}
	n := int(b.data[0])
	b.data = b.data[1:]
	return n
}

func choose[T any](b *bits, of ...T) T { return of[b.next()%len(of)] }

func (b *bits) annotations() map[string]string {
	set := map[string]string{}
	for _, control := range []struct {
		annotation string
		values     []string
	}{
		{v1alpha1.AnnotationRestore, []string{"", "", "latest", "latest", "off", "nonsense"}},
		{v1alpha1.AnnotationRestoreUnusable, []string{"", "", "", "empty", "deny", "nonsense"}},
		{v1alpha1.AnnotationRestoreQuorum, []string{"", "", "true", "empty", "nonsense"}},
		{v1alpha1.AnnotationRestoreOrphanAge, []string{"", "", "", "1h"}},
	} {
		if value := choose(b, control.values...); value != "" {
			set[control.annotation] = value
		}
	}
	return set
}

func (b *bits) claim() snapshots.Claim {
	return snapshots.Claim{
		Volume: snapshots.Volume{
			Namespace: "kafka", Cluster: "kafka", Slot: "0:/kafka-logs",
			Role:     choose(b, roles...),
			RoleSaid: choose(b, true, false),
			Memory:   choose(b, snapshots.MemoryUnknown, snapshots.MemoryLost, snapshots.MemoryNew),
		},
		Request:    *resource.NewQuantity(int64(b.next()), resource.BinarySI),
		VolumeMode: choose[corev1.PersistentVolumeMode](b, "Filesystem", "Block"),
		Driver:     choose(b, driver, "", "other"),
	}
}

var roles = []snapshots.Role{snapshots.RoleBroker, snapshots.RoleBroker, snapshots.RoleController, snapshots.RoleCombined, snapshots.RoleZooKeeper, "nonsense"}

// around returns other volumes of the cluster, some with claims, some of the same
// broker.
func (b *bits) around(claim snapshots.Claim, own []snapshots.Snapshot) snapshots.Around {
	cluster := map[string][]snapshots.Snapshot{claim.Volume.Hash(): sorted(own)}
	var peers []snapshots.Peer
	for n := range b.next() % 4 {
		v := snapshots.Volume{Namespace: "kafka", Cluster: "kafka", Slot: fmt.Sprint("other", n), Node: choose(b, "", "another"), Role: choose(b, roles...)}
		var of []snapshots.Snapshot
		for range b.next() % 5 {
			s := b.snapshot(len(of), v.Hash())
			s.Role, s.Node = v.Role, v.Node
			of = append(of, s)
		}
		cluster[v.Hash()] = sorted(of)
		if b.next()%2 == 0 {
			peers = append(peers, snapshots.Peer{Name: v.Slot, UID: types.UID(choose(b, "", "u")), Volume: v, Created: ago(time.Duration(b.next()) * 10 * time.Minute),
				Deleting: b.next()%8 == 0, Bound: b.next()%4 != 0, Source: choose(b, "", "s0", "s1"), Filled: b.next()%2 == 0, Promoted: b.next()%8 == 0})
		}
	}
	return snapshots.LookAround(claim.Volume, own, peers, cluster, now)
}

// sorted returns the snapshots in the order of a catalog.
func sorted(all []snapshots.Snapshot) []snapshots.Snapshot {
	return slices.SortedFunc(slices.Values(all), func(a, b snapshots.Snapshot) int {
		return cmp.Or(b.Scheduled.Compare(a.Scheduled), cmp.Compare(b.Name, a.Name))
	})
}

func (b *bits) snapshot(i int, volume string) snapshots.Snapshot {
	flags := b.next()
	s := snapshots.Snapshot{
		Name: fmt.Sprintf("s%d", i), Volume: volume, Scheduled: ago(time.Duration(b.next()) * choose(b, 10*time.Minute, 10*time.Minute, 2*time.Hour)),
		Ready: flags&1 != 0, Deleting: flags&6 == 6, Held: flags&8 != 0,
		VolumeMode: choose[corev1.PersistentVolumeMode](b, "Filesystem", "", "Block"),
		Driver:     choose(b, driver, "", "other"),
		Unreadable: choose(b, "", "", "", "", "", "annotation x"),
		Role:       choose(b, roles...),
		Lineage:    snapshots.Lineage{ID: choose(b, "first", "first", "second"), Proven: b.next()%4 != 0},
	}
	if flags&48 != 48 {
		s.Cut = s.Scheduled.Add(time.Second)
	}
	if flags&64 != 0 {
		s.Size = resource.NewQuantity(int64(b.next()), resource.BinarySI)
	}
	if flags&128 != 0 {
		s.Annotations = b.annotations()
	}
	s.Damaged = b.next()%4 == 0
	for _, mark := range []string{v1alpha1.AnnotationPruning, v1alpha1.AnnotationAbandoned, "unrelated"} {
		if choose(b, false, false, false, true) {
			if s.Annotations == nil {
				s.Annotations = map[string]string{}
			}
			s.Annotations[mark] = "2026-01-01T00:00:00Z"
		}
	}
	return s
}

func FuzzDecide(f *testing.F) {
	for n := range 64 {
		seed := make([]byte, 4*n)
		for i := range seed {
			seed[i] = byte(i*n*7 + n)
		}
		f.Add(seed)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 1000 {
		seed := make([]byte, 20+n%100)
		for i := range seed {
			seed[i] = byte(r.Uint32())
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b := &bits{data}
		claim := b.claim()
		from := sources{
			PVC: b.annotations(), Namespace: b.annotations(),
			Backups: []snapshots.Backup{{Annotations: b.annotations()}, {Annotations: b.annotations()}},
		}
		var all []snapshots.Snapshot
		for len(b.data) > 0 {
			all = append(all, b.snapshot(len(all), claim.Volume.Hash()))
		}
		around := (&bits{slices.Clone(data)}).around(claim, all)
		checkAround(t, from.decide(claim, around, slices.Clone(all), now), claim, around, all)
		got := from.decide(claim, snapshots.Around{}, slices.Clone(all), now)
		checkLean(t, got, claim, from, all)
		checkPassedOver(t, claim, from, all)
		checkGood(t, got, claim, from, all)
		if (got.Outcome == v1alpha1.OutcomeRestore) != (got.Snapshot != nil) {
			t.Fatalf("%s with snapshot %v", got.Outcome, got.Snapshot)
		}
		switch got.Outcome {
		case v1alpha1.OutcomeRestore:
			checkRestore(t, claim, got, all)
		case v1alpha1.OutcomeDeny:
			if got.Message == "" {
				t.Errorf("%s without a word", got.Reason)
			}
		case v1alpha1.OutcomeAllow:
			checkAllow(t, got, all)
		default:
			t.Errorf("outcome %q", got.Outcome)
		}
	})
}

// checkAround checks a decision with other volumes around. Each newer snapshot that
// is passed over must be named in a warning. A volume with a snapshot must not start
// empty unless a person or its operator has said so.
func checkAround(t *testing.T, got snapshots.Decision, claim snapshots.Claim, around snapshots.Around, all []snapshots.Snapshot) {
	readable := slices.DeleteFunc(slices.Clone(all), func(s snapshots.Snapshot) bool { return !usable(s) })
	switch got.Outcome {
	case v1alpha1.OutcomeRestore:
		newer := sorted(slices.DeleteFunc(slices.Clone(all), func(s snapshots.Snapshot) bool {
			return !s.Ready || s.Scheduled.Before(got.Snapshot.Scheduled) || s.Scheduled.Equal(got.Snapshot.Scheduled) && s.Name <= got.Snapshot.Name
		}))
		if len(newer) > 0 && (got.Newer == nil || got.Newer.Name != newer[0].Name || got.Newer.Why == "") || len(newer) == 0 && got.Newer != nil {
			t.Errorf("passed over is %+v, and said is %+v", newer, got.Newer)
		}
		if age := now.Sub(readable[0].Scheduled); around.HasOutlived(all) && claim.Volume.Memory != snapshots.MemoryLost && len(readable) == 1 && age > 7*24*time.Hour {
			t.Errorf("a volume that its cluster has outlived is restored from %s ago", age)
		}
	case v1alpha1.OutcomeAllow:
		checkAllow(t, got, all)
		if got.Reason == v1alpha1.ReasonScaledUp && (claim.Volume.Memory != snapshots.MemoryNew || !around.HasOutlived(all)) {
			t.Errorf("%s of %+v, %+v", got.Reason, claim.Volume, around)
		}
	}
	if got.Reason == v1alpha1.ReasonQuorumVolume && 2*around.Quorum.Votes <= around.Quorum.Members && !strings.Contains(got.Message, v1alpha1.AnnotationRestoreQuorum+" says") {
		t.Errorf("a member starts empty with %+v", around.Quorum)
	}
}

// checkLean checks that a catalog keeps all that the decision reads.
func checkLean(t *testing.T, got snapshots.Decision, claim snapshots.Claim, from sources, all []snapshots.Snapshot) {
	lean := make([]snapshots.Snapshot, len(all))
	for i, s := range all {
		lean[i] = s.Lean()
	}
	known := snapshots.NewCatalog(map[string][]snapshots.Snapshot{claim.Volume.Namespace: lean}).Volume(claim.Volume)
	other := from.decide(claim, snapshots.Around{}, known, now)
	if other.Outcome != got.Outcome || other.Reason != got.Reason || other.Message != got.Message || other.SnapshotName() != got.SnapshotName() {
		t.Errorf("out of a catalog %s %s %q, else %s %s %q", other.Outcome, other.Reason, other.Message, got.Outcome, got.Reason, got.Message)
	}
}

// checkGood checks that a lost claim gets the good snapshot, unless that does not
// fit.
func checkGood(t *testing.T, got snapshots.Decision, claim snapshots.Claim, from sources, all []snapshots.Snapshot) {
	cluster, _ := from.ask(claim, snapshots.Around{}, all)
	good, ok := cluster.Good(claim.Volume, from.PVC)
	if ok && !good.Ready || got.Outcome == v1alpha1.OutcomeRestore && ok != got.Snapshot.Ready || ok && got.Outcome == v1alpha1.OutcomeRestore && good.Name != got.SnapshotName() {
		t.Errorf("%s of %s, and good is %t %s", got.Reason, got.SnapshotName(), ok, good.Name)
	}
}

func usable(s snapshots.Snapshot) bool {
	_, pruning := s.Annotations[v1alpha1.AnnotationPruning]
	return !s.Cut.IsZero() && !s.Deleting && !pruning && s.Unreadable == ""
}

func leftAside(s snapshots.Snapshot) bool {
	_, is := s.Annotations[v1alpha1.AnnotationAbandoned]
	return is
}

// checkRestore checks that the chosen snapshot is one that could be chosen, and
// that none is better.
func checkRestore(t *testing.T, claim snapshots.Claim, got snapshots.Decision, all []snapshots.Snapshot) {
	chosen := *got.Snapshot
	if warned := strings.Contains(strings.Join(got.Warnings, " "), "found VolumeSnapshot "+chosen.Name+" damaged"); warned != chosen.Damaged {
		t.Errorf("damaged: %t, said: %q", chosen.Damaged, got.Warnings)
	}
	if !slices.ContainsFunc(all, func(s snapshots.Snapshot) bool { return s.Name == chosen.Name && s.Scheduled.Equal(chosen.Scheduled) }) {
		t.Fatalf("%+v is none of those given", chosen)
	}
	if chosen.Volume != claim.Volume.Hash() || !usable(chosen) {
		t.Errorf("%+v is not to be restored from", chosen)
	}
	if chosen.Ready != (got.Reason == v1alpha1.ReasonRestored) {
		t.Errorf("%s with %+v", got.Reason, chosen)
	}
	for _, s := range all {
		better := s.Scheduled.After(chosen.Scheduled) && (s.Ready || !chosen.Ready) || s.Ready && !chosen.Ready
		blank := chosen.Lineage.Proven && !s.Lineage.Proven
		if usable(s) && better && !blank && (!s.Damaged || chosen.Damaged) && (!leftAside(s) || leftAside(chosen)) && s.Lineage.ID == chosen.Lineage.ID {
			t.Errorf("%+v is better than %+v", s, chosen)
		}
		if usable(s) && chosen.Damaged && !s.Damaged && leftAside(s) == leftAside(chosen) && s.Lineage == chosen.Lineage {
			t.Errorf("%+v is damaged, %+v is not", chosen, s)
		}
	}
	if chosen.Size != nil && claim.Request.Cmp(*chosen.Size) < 0 {
		t.Errorf("%s does not fit into %s", chosen.Size, &claim.Request)
	}
}

// checkAllow checks that a volume starts empty only for a reason.
func checkAllow(t *testing.T, got snapshots.Decision, all []snapshots.Snapshot) {
	switch got.Reason {
	case v1alpha1.ReasonNotOptedIn, v1alpha1.ReasonOptedOut, v1alpha1.ReasonQuorumVolume,
		v1alpha1.ReasonTooSmall, v1alpha1.ReasonDriverMismatch, v1alpha1.ReasonVolumeModeMismatch, v1alpha1.ReasonScaledUp, v1alpha1.ReasonOrphaned, v1alpha1.ReasonUnreadable:
	case v1alpha1.ReasonNoSnapshot:
		if slices.ContainsFunc(all, func(s snapshots.Snapshot) bool { return usable(s) || s.Unreadable != "" && !s.Deleting }) {
			t.Errorf("%s of %+v", got.Reason, all)
		}
	default:
		t.Errorf("allowed for %q", got.Reason)
	}
}
