package snapshots_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/snapshots"
)

// TestVolumeOf finds the volume by a snapshot alone.
func TestVolumeOf(t *testing.T) {
	for _, r := range recordedClaims(t, "*") {
		want, ok := snapshots.Identify("kafka", r.claim, nil)
		if !ok {
			continue
		}
		s, err := snapshots.NewSnapshot(snapshots.Stamp(want, r.claim, &corev1.PersistentVolume{}, snapshots.Backup{Name: "hourly"}, nil, snapshots.Lineage{ID: "first", Proven: true}, now))
		if err != nil {
			t.Fatal(err)
		}
		got, ok := snapshots.VolumeOf("kafka", s)
		if !ok || got.Hash() != want.Hash() || got.String() != want.String() || got.Node != want.Node || got.GeneratedName != want.GeneratedName {
			t.Errorf("%s: volume of its snapshot: %+v, %v\nof its claim: %+v", r, got, ok, want)
		}
		if got.Operator() != want.Operator() {
			t.Errorf("%s: operator %q by its snapshot, %q by its claim", r, got.Operator(), want.Operator())
		}
		if _, ok := snapshots.VolumeOf("elsewhere", s); ok {
			t.Errorf("%s: a snapshot of another namespace counts as of this one", r)
		}
	}
}
