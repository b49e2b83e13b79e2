package snapshots_test

import (
	"testing"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestVolumeOf tells the volume from a snapshot alone.
func TestVolumeOf(t *testing.T) {
	backup := snapshotstest.NewBackup("hourly", "kafka", "class")
	for name, claim := range map[string]*snapshotstest.Claim{
		"koperator":   snapshotstest.KoperatorClaim("kafka", 2, "/kafka-logs").Named("kafka-2-storage-0-x"),
		"strimzi":     snapshotstest.StrimziClaim("kafka", "broker", 2, 0),
		"statefulset": snapshotstest.StatefulSetClaim("kafka", 2),
		"explicit":    snapshotstest.PlainClaim("disk").Label(v1alpha1.LabelCluster, "kafka").Label(v1alpha1.LabelBroker, "2"),
	} {
		t.Run(name, func(t *testing.T) {
			want, ok := snapshots.Identify("default", claim.Obj(), nil)
			if !ok {
				t.Fatal("not identified")
			}
			s, err := snapshots.NewSnapshot(snapshotstest.NewSnapshot(claim.In("default"), backup.In("default"), "driver", time.Now()).Obj())
			if err != nil {
				t.Fatal(err)
			}
			got, ok := snapshots.VolumeOf("default", s)
			if !ok || got.Hash() != want.Hash() || got.String() != want.String() || got.Broker != want.Broker || got.GeneratedName != want.GeneratedName {
				t.Errorf("volume of its snapshot: %+v, %v\nof its claim: %+v", got, ok, want)
			}
			if _, ok := snapshots.VolumeOf("elsewhere", s); ok {
				t.Error("a snapshot of another namespace counts as of this one")
			}
		})
	}
}
