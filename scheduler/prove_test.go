package scheduler_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// reportOn writes the report of a drill on a snapshot, as the process that drills does.
func (f *fixture) reportOn(vs *snapshotv1.VolumeSnapshot, annotation string, result v1alpha1.DrillResult, message string) {
	f.Helper()
	at := func(before time.Duration) metav1.Time { return metav1.Time{Time: f.clock.Now().Add(-before)} }
	mounted := at(3 * time.Minute)
	value, err := snapshots.WriteReport(v1alpha1.DrillReport{Result: result, Volume: "any", VolumeSnapshot: vs.Name, RunTime: at(time.Hour), DueTime: at(6 * time.Minute),
		StartedTime: at(5 * time.Minute), MountedTime: &mounted, FinishedTime: at(0), Partitions: 3, Records: 40, Message: message})
	if err != nil {
		f.Fatal(err)
	}
	before := vs.DeepCopy()
	metav1.SetMetaDataAnnotation(&vs.ObjectMeta, annotation, value)
	if err := f.client.Patch(f.Context(), vs, client.MergeFrom(before)); err != nil {
		f.Fatal(err)
	}
}

func proven(status metav1.ConditionStatus, reason string) func(v1alpha1.KafkaBackupStatus) bool {
	return func(s v1alpha1.KafkaBackupStatus) bool {
		c := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionBackupsProven)
		return c != nil && c.Status == status && c.Reason == reason
	}
}

// measured returns the series of a metric about drills in the namespace, by volume.
// The error is of the schedulers of other tests in this process: each exports the
// number of all KafkaBackups. The other series are gathered in spite of it.
func (f *fixture) measured(name string) map[string]float64 {
	f.Helper()
	families, _ := metrics.Registry.Gather()
	values := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			of := map[string]string{}
			for _, label := range m.GetLabel() {
				of[label.GetName()] = label.GetValue()
			}
			if family.GetName() == name && of["namespace"] == f.namespace {
				values[of["volume"]] = m.GetGauge().GetValue()
			}
		}
	}
	return values
}

// TestProof has what drills write on snapshots in the condition, the status and the
// metrics, until nobody asks for drills any more. The reports stay for auditors.
func TestProof(t *testing.T) {
	f := newFixture(t)
	f.drills = true
	brokers := f.brokers(1)
	f.start()
	kb := f.backup(hourly().Spec(func(s *v1alpha1.KafkaBackupSpec) { s.Drill = &v1alpha1.DrillSpec{Schedule: "@daily"} }))
	f.until(kb, "nothing is proven", proven(metav1.ConditionUnknown, v1alpha1.ReasonNotProvenYet))
	f.runNext(kb)
	vs := f.newestFirst(brokers[0])[0]

	f.reportOn(&vs, v1alpha1.AnnotationDrillFailed, v1alpha1.DrillFailed, "no quota")
	f.until(kb, "a failed drill", proven(metav1.ConditionFalse, v1alpha1.ReasonDrillFailed))
	f.clock.Advance(time.Minute)
	f.reportOn(&vs, v1alpha1.AnnotationVerified, v1alpha1.DrillSound, "")
	status := f.until(kb, "the proof", proven(metav1.ConditionTrue, v1alpha1.ReasonProven))
	if len(status.Drills) != 2 || status.Drills[0].Result != v1alpha1.DrillSound || status.Drills[0].Volume != "0:/kafka-logs" || status.Drills[0].Records != 40 {
		t.Errorf("the status has %+v", status.Drills)
	}
	for name, want := range map[string]float64{
		"snapback_kafkabackup_drill_last_success_timestamp_seconds": float64(f.clock.Now().Unix()),
		"snapback_kafkabackup_drill_restore_seconds":                120,
		"snapback_kafkabackup_drill_duration_seconds":               300,
	} {
		if got := f.measured(name); len(got) != 1 || got["0:/kafka-logs"] != want {
			t.Errorf("%s is %v, want %f", name, got, want)
		}
	}
	f.clock.Advance(time.Minute)
	f.reportOn(&vs, v1alpha1.AnnotationVerified, v1alpha1.DrillDamaged, "segment 00.log of orders-0 ends early")
	status = f.until(kb, "the damage", proven(metav1.ConditionFalse, v1alpha1.ReasonSnapshotDamaged))
	if c := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionBackupsProven); !strings.Contains(c.Message, "VolumeSnapshot "+vs.Name+" of volume 0:/kafka-logs is damaged (segment 00.log of orders-0 ends early)") {
		t.Errorf("it says %q", c.Message)
	}

	patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"drill":null}}`))
	if err := f.client.Patch(t.Context(), kb.DeepCopy(), patch); err != nil {
		t.Fatal(err)
	}
	status = f.until(kb, "no condition", func(s v1alpha1.KafkaBackupStatus) bool {
		return meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionBackupsProven) == nil
	})
	if len(status.Drills) != 3 {
		t.Errorf("the reports are gone: %+v", status.Drills)
	}
	f.eventually(func(context.Context) error {
		if left := f.measured("snapback_kafkabackup_drill_duration_seconds"); len(left) > 0 {
			return fmt.Errorf("series of drills that nobody asks for: %v", left)
		}
		return nil
	})
}

// TestProofNotInstalled asks for drills of a Snapback that makes none.
func TestProofNotInstalled(t *testing.T) {
	f := newFixture(t)
	f.start()
	kb := f.backup(hourly().Spec(func(s *v1alpha1.KafkaBackupSpec) { s.Drill = &v1alpha1.DrillSpec{Schedule: "@daily"} }))
	f.until(kb, "it is said", proven(metav1.ConditionFalse, v1alpha1.ReasonDrillsNotInstalled))
}
