package snapshots_test

import (
	"math"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

var noon = time.Date(2026, 2, 21, 12, 0, 0, 0, time.UTC)

func report(snapshot string, result v1alpha1.DrillResult, finished time.Time) v1alpha1.DrillReport {
	at := metav1.Time{Time: finished}
	started := metav1.Time{Time: finished.Add(-5 * time.Minute)}
	return v1alpha1.DrillReport{Result: result, Volume: "0:/kafka-logs", Broker: "0", VolumeSnapshot: snapshot,
		RunTime: started, DueTime: started, StartedTime: started, FinishedTime: at}
}

func TestCanDrill(t *testing.T) {
	for name, c := range map[string]struct {
		role snapshots.Role
		mode corev1.PersistentVolumeMode
		can  bool
	}{
		"broker":         {snapshots.RoleBroker, corev1.PersistentVolumeFilesystem, true},
		"controller":     {snapshots.RoleController, corev1.PersistentVolumeFilesystem, true},
		"no mode is set": {snapshots.RoleCombined, "", true},
		"ZooKeeper":      {snapshots.RoleZooKeeper, corev1.PersistentVolumeFilesystem, false},
		"block device":   {snapshots.RoleBroker, corev1.PersistentVolumeBlock, false},
	} {
		if got := snapshots.CanDrill(c.role, c.mode); got != c.can {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// A report on a snapshot is about that snapshot, whatever it says. Known ones stay,
// each drill is there once, and the newest comes first.
func TestDrillReports(t *testing.T) {
	b := snapshotstest.NewSnapshot(snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").Named("broker"), snapshotstest.NewBackup("b", "kafka", "class"), "driver", noon.Add(-time.Hour)).Ready()
	for annotation, r := range map[string]v1alpha1.DrillReport{
		v1alpha1.AnnotationVerified:    report("another", v1alpha1.DrillSound, noon),
		v1alpha1.AnnotationDrillFailed: report("another", v1alpha1.DrillFailed, noon.Add(-10*time.Minute)),
	} {
		value, err := snapshots.WriteReport(r)
		if err != nil {
			t.Fatal(err)
		}
		b.Annotate(annotation, value)
	}
	s, err := snapshots.NewSnapshot(b.Obj())
	if err != nil {
		t.Fatal(err)
	}
	pruned, same := report("pruned", v1alpha1.DrillDamaged, noon.Add(-5*time.Minute)), report(s.Name, v1alpha1.DrillDamaged, noon)
	all := snapshots.DrillReports([]snapshots.Snapshot{s}, []v1alpha1.DrillReport{pruned, same}, noon)
	var got []string
	for _, r := range all {
		got = append(got, r.VolumeSnapshot+" "+string(r.Result))
	}
	if want := s.Name + " Sound, pruned Damaged, " + s.Name + " Failed"; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !all[0].RunTime.Time.Equal(s.Scheduled) || all[0].Volume != "0:/kafka-logs" || all[0].Broker != "0" {
		t.Errorf("the report is of %+v", all[0])
	}
	wrong := s
	wrong.Annotations = map[string]string{v1alpha1.AnnotationVerified: s.Annotations[v1alpha1.AnnotationDrillFailed], v1alpha1.AnnotationDrillFailed: s.Annotations[v1alpha1.AnnotationVerified]}
	if all := snapshots.DrillReports([]snapshots.Snapshot{wrong}, nil, noon); len(all) != 0 {
		t.Errorf("reports in each other's place count: %+v", all)
	}
}

func TestPlausibleDrills(t *testing.T) {
	good := report("s", v1alpha1.DrillSound, noon)
	changed := func(change func(*v1alpha1.DrillReport)) v1alpha1.DrillReport {
		r := good
		change(&r)
		return r
	}
	ahead, zero := metav1.Time{Time: noon.Add(2 * time.Minute)}, metav1.Time{}
	for name, r := range map[string]v1alpha1.DrillReport{
		"no result":           changed(func(r *v1alpha1.DrillReport) { r.Result = "" }),
		"another result":      changed(func(r *v1alpha1.DrillReport) { r.Result = "Perfect" }),
		"no snapshot":         changed(func(r *v1alpha1.DrillReport) { r.VolumeSnapshot = "" }),
		"ended in the future": changed(func(r *v1alpha1.DrillReport) { r.FinishedTime = ahead }),
		"run in the future":   changed(func(r *v1alpha1.DrillReport) { r.RunTime = metav1.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) }),
		"never due":           changed(func(r *v1alpha1.DrillReport) { r.DueTime = zero }),
		"never started":       changed(func(r *v1alpha1.DrillReport) { r.StartedTime = zero }),
		"never ended":         changed(func(r *v1alpha1.DrillReport) { r.FinishedTime = zero }),
		"ended before":        changed(func(r *v1alpha1.DrillReport) { r.FinishedTime = metav1.Time{Time: noon.Add(-time.Hour)} }),
	} {
		if got := snapshots.PlausibleDrills([]v1alpha1.DrillReport{r}, noon); len(got) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	fast := changed(func(r *v1alpha1.DrillReport) { r.FinishedTime = metav1.Time{Time: noon.Add(time.Minute)} })
	if got := snapshots.PlausibleDrills([]v1alpha1.DrillReport{fast}, noon); len(got) != 1 {
		t.Error("a report counts for nothing whose clock is a minute ahead")
	}
	long := changed(func(r *v1alpha1.DrillReport) {
		r.Volume, r.Broker, r.Message = strings.Repeat("v", 5000), strings.Repeat("b", 5000), strings.Repeat("m", 5000)
		r.Partitions, r.Records, r.Bytes = math.MinInt32, math.MinInt64, -1
		r.BoundTime, r.MountedTime = &zero, &ahead
	})
	got := snapshots.PlausibleDrills([]v1alpha1.DrillReport{long}, noon)
	if len(got) != 1 {
		t.Fatalf("a report with long texts is gone: %+v", got)
	}
	if r := got[0]; len(r.Volume) > 253 || len(r.Broker) > 253 || len(r.Message) > 512 || r.Partitions != 0 || r.Records != 0 || r.Bytes != 0 || r.BoundTime != nil || r.MountedTime != nil {
		t.Errorf("not plausible: %+v", r)
	}
}

func TestDrillTimeout(t *testing.T) {
	for text, want := range map[string]time.Duration{"": time.Hour, "2h": 2 * time.Hour, "-1h": time.Hour, "soon": time.Hour} {
		if got := snapshots.DrillTimeout(v1alpha1.DrillSpec{Timeout: text}); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
