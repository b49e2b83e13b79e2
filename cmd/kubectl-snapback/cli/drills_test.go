package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// drill is the report of a drill of five minutes that ended so long ago.
func drill(snapshot string, result v1alpha1.DrillResult, ago time.Duration) v1alpha1.DrillReport {
	at := func(before time.Duration) metav1.Time { return metav1.Time{Time: now.Add(-ago - before)} }
	r := v1alpha1.DrillReport{Result: result, Volume: "data-kafka-0", Broker: "kafka-0", VolumeSnapshot: snapshot, RunTime: at(time.Hour), DueTime: at(5 * time.Minute),
		StartedTime: at(5 * time.Minute), FinishedTime: at(0), Partitions: 3, Records: 48211, Bytes: 9000}
	if mounted := at(4 * time.Minute); result != v1alpha1.DrillFailed {
		r.MountedTime = &mounted
	}
	return r
}

// TestPrintDrills has a drill of a snapshot that there is, and what is remembered.
func TestPrintDrills(t *testing.T) {
	t.Parallel()
	backup := snapshotstest.NewBackup("hourly", "kafka", "csi")
	s := snapshotstest.NewSnapshot(snapshotstest.StatefulSetClaim("kafka", 0), backup, "csi.example.com", now.Add(-time.Hour)).Ready()
	name := s.Obj().Name
	verdict := drill("any", v1alpha1.DrillDamaged, time.Minute)
	verdict.Message = "orders-0:\n00.log ends early"
	value, err := snapshots.WriteReport(verdict)
	if err != nil {
		t.Fatal(err)
	}
	kb := backup.Obj()
	kb.Status.Drills = []v1alpha1.DrillReport{drill("gone", v1alpha1.DrillFailed, 2*time.Hour), drill(name, v1alpha1.DrillDamaged, time.Minute)}
	inv := inventoryOf(t, s.Annotate(v1alpha1.AnnotationVerified, value).Obj(), kb)
	var out bytes.Buffer
	if err := printDrills(&out, inv.Drills(now), false, now); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	want := []string{
		"VOLUME SNAPSHOT RUN RESULT RESTORED IN VERIFIED IN PARTITIONS RECORDS WHEN MESSAGE",
		"data-kafka-0 " + name + " 2026-03-01T01:30:00Z Damaged 60s 4m 3 48,211 60s ago orders-0: 00.log ends early",
		"data-kafka-0 gone 2026-02-28T23:30:00Z Failed - - - - 120m ago -",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("printed:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	v := inv.Volumes[0]
	if state := v.State(v.Snapshots[0]); state != inventory.StateDamaged || state.Sign() != "D" || drilled(v.Snapshots[0]) != "Damaged" {
		t.Errorf("its state is %s", state)
	}
}

func TestPrintProof(t *testing.T) {
	t.Parallel()
	last := metav1.Time{Time: now.Add(-5 * time.Hour)}
	c := inventory.Status{Backups: []inventory.BackupStatus{
		{Kind: "KafkaBackup", Name: "plain"},
		{Kind: "KafkaBackup", Name: "a", Proof: &inventory.ProofStatus{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonProven, Message: "All is well", LastProvenTime: &last}},
		{Kind: "ConfigMap", Name: "b", Proof: &inventory.ProofStatus{Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonDrillFailed, Message: "no quota"}},
		{Kind: "KafkaBackup", Name: "c", Proof: &inventory.ProofStatus{Status: metav1.ConditionUnknown}},
	}}
	var out bytes.Buffer
	printProof(&out, c, now)
	want := `Restore drills of KafkaBackup a: All is well (a snapshot was last found sound 5h ago)
Restore drills of ConfigMap b: see the problem DrillFailed (no snapshot was found sound yet)
Restore drills of KafkaBackup c: the scheduler has not judged them yet (no snapshot was found sound yet)
`
	if out.String() != want {
		t.Errorf("printed:\n%swant:\n%s", out.String(), want)
	}
}
