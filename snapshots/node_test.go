package snapshots_test

import (
	"testing"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestDisksOfANode checks claims that are, or are not, of one node. If disks of two
// nodes counted as disks of one, a lost disk would send the other node back in time.
func TestDisksOfANode(t *testing.T) {
	labelled := func(broker, volume, claim string) *snapshotstest.Claim { return explicit(broker, volume).Named(claim) }
	ordinal := func(template string, n int) *snapshotstest.Claim {
		return snapshotstest.StatefulSetClaim("kafka", n).Named(template + "-kafka-" + string(rune('0'+n)))
	}
	for name, test := range map[string]struct {
		one, other *snapshotstest.Claim
		want       bool
	}{
		"two disks of a pod":                  {ordinal("data-0", 1), ordinal("data-1", 1), true},
		"the same disk of two pods":           {ordinal("data-0", 1), ordinal("data-0", 2), false},
		"two disks of Koperator's broker":     {disk(0, "/a"), disk(0, "/b"), true},
		"the same disk of two brokers":        {disk(0, "/a"), disk(1, "/a"), false},
		"two disks of a labelled broker":      {labelled("1", "a", "a"), labelled("1", "b", "b"), true},
		"two disks that are of no broker yet": {labelled("", "a", "a"), labelled("", "b", "b"), false},
	} {
		backup := snapshotstest.NewBackup("hourly", "any", "csi")
		of := snapshotstest.NewSnapshot(test.other, backup, driver, ago(hour)).Ready()
		cluster := map[string][]snapshots.Snapshot{identify(t, test.other).Hash(): readAll(t, of)}
		if got := len(snapshots.Disks(identify(t, test.one), cluster)) > 0; got != test.want {
			t.Errorf("%s: of one node: %t", name, got)
		}
	}
}

// TestSaidRole checks a claim whose label says its role. Unlike a guess, the role of
// the snapshot does not overrule it.
func TestSaidRole(t *testing.T) {
	t.Parallel()
	claim := func(role string) *snapshotstest.Claim {
		c := explicit("1", "a").Annotate(v1alpha1.AnnotationRestore, latest)
		if role != "" {
			c.Label(v1alpha1.LabelRole, role)
		}
		return c
	}
	for said, want := range map[string]v1alpha1.Reason{"": v1alpha1.ReasonQuorumUndecided, "broker": v1alpha1.ReasonRestored, "combined": v1alpha1.ReasonQuorumUndecided, "seed": v1alpha1.ReasonQuorumUndecided} {
		all := readAll(t, snapshotstest.NewSnapshot(claim("combined").Named("disk"), snapshotstest.NewBackup("hourly", "events", "csi"), driver, ago(hour)).Ready())
		got := selected(asked(t, claim(said), driver), snapshots.Policy{v1alpha1.AnnotationRestore: latest}, snapshots.Around{}, all, now)
		if got.Reason != want {
			t.Errorf("label %q: %s, want %s", said, got.Reason, want)
		}
	}
}
