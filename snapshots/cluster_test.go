package snapshots_test

import (
	"testing"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func TestGood(t *testing.T) {
	t.Parallel()
	for name, test := range snapshotstest.GoodCases(now) {
		v := identify(t, test.Claim)
		want := ""
		if test.Good != nil {
			want = test.Good.Obj().Name
		}
		cluster := snapshots.Cluster{Snapshots: map[string][]snapshots.Snapshot{v.Hash(): readAll(t, test.Snapshots...)}}
		if got, ok := cluster.Good(v, nil); got.Name != want || ok != (want != "") {
			t.Errorf("%s: %q, want %q", name, got.Name, want)
		}
	}
}

// TestPolicyIsOfTheVolume checks an opt-in that only snapshots carry. Snapshots of
// another volume of the cluster do not count, and a run does not stamp it again.
func TestPolicyIsOfTheVolume(t *testing.T) {
	t.Parallel()
	own, other := identify(t, disk(0, "/a")), identify(t, disk(1, "/a"))
	kept := readAll(t, diskSnapshot(disk(0, "/a"), ago(hour)).Ready().Annotate(v1alpha1.AnnotationRestore, latest))
	cluster := snapshots.Cluster{Snapshots: map[string][]snapshots.Snapshot{own.Hash(): kept}}
	for _, test := range []struct {
		name string
		ask  func() (snapshots.Policy, error)
		want bool
	}{
		{"the volume", func() (snapshots.Policy, error) { return cluster.Policy(own, nil) }, true},
		{"another volume", func() (snapshots.Policy, error) { return cluster.Policy(other, nil) }, false},
		{"a claim of the snapshot", func() (snapshots.Policy, error) { return cluster.PolicyOf(kept, nil) }, true},
		{"a run", func() (snapshots.Policy, error) { return cluster.PolicyToday(nil) }, false},
	} {
		if policy, err := test.ask(); err != nil || policy.OptedIn() != test.want {
			t.Errorf("%s: %v, %v, want an opt-in: %t", test.name, policy, err, test.want)
		}
	}
}
