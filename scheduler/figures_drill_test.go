package scheduler

import (
	"context"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/proof"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestDrillFigures exports what the status remembers until the first look of a term,
// and then only of volumes that there are. Without spec.drill there is no series.
func TestDrillFigures(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	kb := snapshotstest.NewBackup("a", "kafka", "class").Spec(func(s *v1alpha1.KafkaBackupSpec) { s.Drill = &v1alpha1.DrillSpec{Schedule: "@daily"} }).Obj()
	for i, volume := range []string{"0", "gone"} {
		finished := metav1.Time{Time: at.Add(-time.Duration(i) * time.Hour)}
		started, mounted := metav1.Time{Time: finished.Add(-5 * time.Minute)}, metav1.Time{Time: finished.Add(-3 * time.Minute)}
		kb.Status.Drills = append(kb.Status.Drills, v1alpha1.DrillReport{Result: v1alpha1.DrillSound, Volume: volume, VolumeSnapshot: "s" + volume,
			RunTime: started, DueTime: started, StartedTime: started, MountedTime: &mounted, FinishedTime: finished})
	}
	e, term := &exporter{terms: map[*termFigures]bool{}}, &termFigures{}
	term.begin(clockwork.NewFakeClockAt(at), func(context.Context) ([]*v1alpha1.KafkaBackup, error) { return []*v1alpha1.KafkaBackup{kb}, nil })
	e.begin(term)
	expect := func(what string, series ...string) {
		t.Helper()
		got := gathered(t, e)
		for _, volume := range []string{"0", "gone"} {
			there := false
			for _, s := range series {
				there = there || s == volume
			}
			restore, ok := got["snapback_kafkabackup_drill_restore_seconds a "+volume]
			if ok != there || ok && (restore != 120 || got["snapback_kafkabackup_drill_duration_seconds a "+volume] != 300 || got["snapback_kafkabackup_drill_last_success_timestamp_seconds a "+volume] == 0) {
				t.Errorf("%s: volume %s has series: %t, restored in %f", what, volume, ok, restore)
			}
		}
	}
	expect("before the first look", "0", "gone")
	term.observe(kb, view{}, job{}, at)
	term.observeDrills(client.ObjectKeyFromObject(kb), kb.Status.Drills, []proof.Volume{{Slot: "0"}, {Slot: "new"}})
	expect("after it", "0")
	term.observeDrills(client.ObjectKeyFromObject(kb), kb.Status.Drills, nil)
	expect("without spec.drill")
}
