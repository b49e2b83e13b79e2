package cli

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func TestPlanEmpty(t *testing.T) {
	now := time.Date(2026, 2, 21, 19, 0, 0, 0, time.UTC)
	backup := snapshotstest.NewBackup("b", "kafka", "csi").Annotate(v1alpha1.AnnotationRestore, "latest")
	volume := func(broker string, change func(*inventory.Volume)) inventory.Volume {
		v := inventory.Volume{Volume: snapshots.Volume{Namespace: "kafka", Cluster: "kafka", Slot: "data-" + broker, Node: broker, Role: snapshots.RoleBroker},
			Snapshots: []snapshots.Snapshot{{Name: "newest", Scheduled: now.Add(-time.Hour), Cut: now.Add(-time.Hour), Ready: true,
				Annotations: map[string]string{}}}}
		change(&v)
		return v
	}
	const lost = "data-0 would not be restored from any of its 1 snapshots, the newest of which is 60m old"
	for name, test := range map[string]struct {
		change, other func(*inventory.Volume)
		pin, set      int
		says          []string
	}{
		"lost":        {pin: 1, says: []string{lost}},
		"no snapshot": {change: func(v *inventory.Volume) { v.Snapshots = nil }, says: []string{"data-0 has no snapshot"}},
		"not cut yet": {change: func(v *inventory.Volume) { v.Snapshots[0].Cut = time.Time{} }, says: []string{"data-0 has no snapshot"}},
		"said before": {change: func(v *inventory.Volume) {
			v.Snapshots[0].Annotations[v1alpha1.AnnotationStartEmptyUntil] = "2026-02-21T19:30:00Z"
		}, set: 1, says: []string{"data-0 starts empty already, for 30m."}},
		"said before, over": {change: func(v *inventory.Volume) {
			v.Snapshots[0].Annotations[v1alpha1.AnnotationStartEmptyUntil] = "2026-02-21T18:30:00Z"
		}, pin: 1, says: []string{lost}},
		"there": {change: func(v *inventory.Volume) {
			v.Claims = []*corev1.PersistentVolumeClaim{snapshotstest.StatefulSetClaim("kafka", 0).Obj()}
		}, pin: 1, says: []string{lost, "data-0 has a claim, data-kafka-0, which stays as it is"}},
		"votes":    {change: func(v *inventory.Volume) { v.Role = snapshots.RoleCombined }, pin: 1, says: []string{lost, "WARNING: data-0 holds votes"}},
		"two lost": {other: func(*inventory.Volume) {}, pin: 1, says: []string{lost, "WARNING: lost now as well: data-1."}},
		"unopted":  {change: func(v *inventory.Volume) { v.Cluster = "other" }, pin: 1, says: []string{lost, "data-0 is not opted in"}},
		"uncertain": {change: func(v *inventory.Volume) {
			v.Snapshots[0].Annotations[v1alpha1.AnnotationRestore] = "yes"
		}, pin: 1, says: []string{lost, "WARNING: the claim of data-0 would still not start empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			if test.change == nil {
				test.change = func(*inventory.Volume) {}
			}
			kb := backup.Obj()
			parsed, err := snapshots.NewBackup(kb)
			if err != nil {
				t.Fatal(err)
			}
			i := &inventory.Inventory{Backups: []inventory.Backup{{KafkaBackup: kb, Parsed: parsed}}, Volumes: []inventory.Volume{volume("0", test.change)}}
			if test.other != nil {
				i.Volumes = append(i.Volumes, volume("1", test.other))
			}
			plan := planEmpty(i, i.Volumes[:1], now.Add(time.Hour), now)
			if len(plan.pin) != test.pin || len(plan.set) != test.set || len(plan.says) != len(test.says) {
				t.Fatalf("sets %d, %d are set, says %q", len(plan.pin), len(plan.set), plan.says)
			}
			for n, want := range test.says {
				if !strings.HasPrefix(plan.says[n], want) {
					t.Errorf("says %q, want %q", plan.says[n], want)
				}
			}
		})
	}
}
