package proof

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

var noon = time.Date(2026, 2, 21, 12, 0, 0, 0, time.UTC)

// report is one of a drill of five minutes, of which the restore took one.
func report(volume string, result v1alpha1.DrillResult, run, finished time.Time) v1alpha1.DrillReport {
	started := metav1.Time{Time: finished.Add(-5 * time.Minute)}
	mounted := metav1.Time{Time: started.Add(time.Minute)}
	return v1alpha1.DrillReport{Result: result, Volume: volume, Broker: volume, VolumeSnapshot: volume + run.Format("-1504"), Message: "segment 00.log ends early",
		RunTime: metav1.Time{Time: run}, DueTime: started, StartedTime: started, MountedTime: &mounted, FinishedTime: metav1.Time{Time: finished}}
}

func TestKeep(t *testing.T) {
	var all []v1alpha1.DrillReport
	add := func(volume string, result v1alpha1.DrillResult) {
		all = append(all, report(volume, result, noon, noon.Add(-time.Duration(len(all))*time.Hour)))
	}
	for range 30 {
		add("failing", v1alpha1.DrillFailed)
	}
	for n := range 5 {
		add(fmt.Sprint(n), v1alpha1.DrillSound)
		add(fmt.Sprint(n), v1alpha1.DrillSound)
	}
	kept := Keep(all)
	volumes := map[string]bool{}
	for i, r := range kept {
		volumes[r.Volume] = true
		if i > 0 && r.FinishedTime.After(kept[i-1].FinishedTime.Time) {
			t.Error("not sorted")
		}
	}
	if len(kept) != v1alpha1.MaxDrills || len(volumes) != 6 || kept[0] != all[0] {
		t.Errorf("%d kept, of %v", len(kept), volumes)
	}
	if kept = Keep(all[:3]); len(kept) != 3 {
		t.Errorf("%d of 3 kept", len(kept))
	}
}

func TestMeasures(t *testing.T) {
	ago := func(hours int) time.Time { return noon.Add(-time.Duration(hours) * time.Hour) }
	slow := report("a", v1alpha1.DrillDamaged, ago(2), ago(1))
	slow.MountedTime = &metav1.Time{Time: slow.StartedTime.Add(3 * time.Minute)}
	unread := report("b", v1alpha1.DrillDamaged, ago(2), ago(3))
	unread.MountedTime = nil
	got := Measures([]v1alpha1.DrillReport{
		report("a", v1alpha1.DrillFailed, noon, noon), slow, report("a", v1alpha1.DrillSound, ago(4), ago(4)), report("a", v1alpha1.DrillSound, ago(5), ago(5)),
		unread, report("c", v1alpha1.DrillFailed, noon, ago(6)),
	})
	want := map[string]Measure{"a": {ago(4), 3 * time.Minute, 5 * time.Minute}, "b": {time.Time{}, 0, 5 * time.Minute}}
	if len(got) != len(want) || got["a"] != want["a"] || got["b"] != want["b"] {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
