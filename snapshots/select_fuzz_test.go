package snapshots_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/snapback-dev/snapback/snapshots"
)

// bits takes choices from fuzzed bytes; when they are used up, zeros.
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
		{snapshots.AnnotationRestore, []string{"", "", "latest", "latest", "off", "nonsense"}},
		{snapshots.AnnotationRestoreUnusable, []string{"", "", "", "empty", "deny", "nonsense"}},
		{snapshots.AnnotationRestoreQuorum, []string{"", "", "true", "empty", "nonsense"}},
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
			Role: choose(b, snapshots.RoleBroker, snapshots.RoleBroker, snapshots.RoleController, snapshots.RoleCombined, snapshots.RoleZooKeeper, "nonsense"),
		},
		Request:    *resource.NewQuantity(int64(b.next()), resource.BinarySI),
		VolumeMode: choose[corev1.PersistentVolumeMode](b, "Filesystem", "Block"),
		Driver:     choose(b, driver, "", "other"),
	}
}

func (b *bits) snapshot(i int, volume string) snapshots.Snapshot {
	flags := b.next()
	s := snapshots.Snapshot{
		Name: fmt.Sprintf("s%d", i), Volume: volume, Scheduled: ago(time.Duration(b.next()) * 10 * time.Minute),
		Ready: flags&1 != 0, Deleting: flags&6 == 6, Held: flags&8 != 0,
		VolumeMode: choose[corev1.PersistentVolumeMode](b, "Filesystem", "", "Block"),
		Driver:     choose(b, driver, "", "other"),
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
	for _, mark := range []string{snapshots.AnnotationPruning, snapshots.AnnotationAbandoned, "unrelated"} {
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
		from := snapshots.PolicySource{
			PVC: b.annotations(), Namespace: b.annotations(),
			Backups: []snapshots.Backup{{Annotations: b.annotations()}, {Annotations: b.annotations()}},
		}
		var all []snapshots.Snapshot
		for len(b.data) > 0 {
			all = append(all, b.snapshot(len(all), claim.Volume.Hash()))
		}
		got := snapshots.Decide(claim, from, snapshots.Around{}, slices.Clone(all), now)
		checkLean(t, got, claim, from, all)
		checkPassedOver(t, claim, from, all)
		if (got.Outcome == snapshots.Restore) != (got.Snapshot != nil) {
			t.Fatalf("%s with snapshot %v", got.Outcome, got.Snapshot)
		}
		switch got.Outcome {
		case snapshots.Restore:
			checkRestore(t, claim, got, all)
		case snapshots.Deny:
			if got.Message == "" {
				t.Errorf("%s without a word", got.Reason)
			}
		case snapshots.Allow:
			checkAllow(t, got, all)
		default:
			t.Errorf("outcome %q", got.Outcome)
		}
	})
}

// checkLean checks that a catalog keeps all that the decision reads.
func checkLean(t *testing.T, got snapshots.Decision, claim snapshots.Claim, from snapshots.PolicySource, all []snapshots.Snapshot) {
	lean := make([]snapshots.Snapshot, len(all))
	for i, s := range all {
		lean[i] = s.Lean()
	}
	known := snapshots.NewCatalog(map[string][]snapshots.Snapshot{claim.Volume.Namespace: lean}).Volume(claim.Volume)
	other := snapshots.Decide(claim, from, snapshots.Around{}, known, now)
	if other.Outcome != got.Outcome || other.Reason != got.Reason || other.Message != got.Message || other.SnapshotName() != got.SnapshotName() {
		t.Errorf("out of a catalog %s %s %q, else %s %s %q", other.Outcome, other.Reason, other.Message, got.Outcome, got.Reason, got.Message)
	}
}

func usable(s snapshots.Snapshot) bool {
	_, pruning := s.Annotations[snapshots.AnnotationPruning]
	return !s.Cut.IsZero() && !s.Deleting && !pruning
}

func leftAside(s snapshots.Snapshot) bool {
	_, is := s.Annotations[snapshots.AnnotationAbandoned]
	return is
}

// checkRestore checks that the chosen snapshot is one that could be chosen, and
// that none is better.
func checkRestore(t *testing.T, claim snapshots.Claim, got snapshots.Decision, all []snapshots.Snapshot) {
	chosen := *got.Snapshot
	if !slices.ContainsFunc(all, func(s snapshots.Snapshot) bool { return s.Name == chosen.Name && s.Scheduled.Equal(chosen.Scheduled) }) {
		t.Fatalf("%+v is none of those given", chosen)
	}
	if chosen.Volume != claim.Volume.Hash() || !usable(chosen) {
		t.Errorf("%+v is not to be restored from", chosen)
	}
	if chosen.Ready != (got.Reason == snapshots.Restored) {
		t.Errorf("%s with %+v", got.Reason, chosen)
	}
	for _, s := range all {
		better := s.Scheduled.After(chosen.Scheduled) && (s.Ready || !chosen.Ready) || s.Ready && !chosen.Ready
		if usable(s) && better && (!leftAside(s) || leftAside(chosen)) {
			t.Errorf("%+v is better than %+v", s, chosen)
		}
	}
	if chosen.Size != nil && claim.Request.Cmp(*chosen.Size) < 0 {
		t.Errorf("%s does not fit into %s", chosen.Size, &claim.Request)
	}
}

// checkAllow checks that a volume starts empty only for a reason.
func checkAllow(t *testing.T, got snapshots.Decision, all []snapshots.Snapshot) {
	switch got.Reason {
	case snapshots.NotOptedIn, snapshots.OptedOut, snapshots.QuorumVolume,
		snapshots.TooSmall, snapshots.DriverMismatch, snapshots.VolumeModeMismatch:
	case snapshots.NoSnapshot:
		if slices.ContainsFunc(all, usable) {
			t.Errorf("%s of %+v", got.Reason, all)
		}
	default:
		t.Errorf("allowed for %q", got.Reason)
	}
}
