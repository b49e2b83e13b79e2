package inventory

import (
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

func TestNextRun(t *testing.T) {
	t.Parallel()
	created := time.Date(2026, 2, 21, 19, 0, 30, 0, time.UTC)
	for schedule, want := range map[string]string{
		"@every 15m": "Its next run is in 10m, at 2026-02-21T19:15:30Z",
		"0 2 * * *":  "Its next run is in 6h54m, at 2026-02-22T02:00:00Z",
		"0 2":        `It does not run: spec.schedule "0 2": expected exactly 5 fields, found 2: [0 2]`,
	} {
		kb := &v1alpha1.KafkaBackup{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(created)}, Spec: v1alpha1.KafkaBackupSpec{Schedule: schedule}}
		if got := NextRun(kb, created.Add(5*time.Minute)); got != want {
			t.Errorf("%s: %q, want %q", schedule, got, want)
		}
	}
}

func TestCannotRun(t *testing.T) {
	t.Parallel()
	ready := func(status metav1.ConditionStatus, reason string, generation int64) Backup {
		return Backup{KafkaBackup: &v1alpha1.KafkaBackup{ObjectMeta: metav1.ObjectMeta{Generation: 2}, Status: v1alpha1.KafkaBackupStatus{
			Conditions: []metav1.Condition{{Type: "Ready", Status: status, Reason: reason, Message: "why", ObservedGeneration: generation}}}}}
	}
	mistaken := ready(metav1.ConditionTrue, "Scheduled", 2)
	mistaken.Mistake = errors.New("why")
	for name, test := range map[string]struct {
		backup Backup
		want   string
	}{
		"ready":                {ready(metav1.ConditionTrue, "Scheduled", 2), ""},
		"suspended":            {ready(metav1.ConditionTrue, "Suspended", 2), ""},
		"the last run failed":  {ready(metav1.ConditionFalse, "SnapshotFailed", 2), ""},
		"no class":             {ready(metav1.ConditionFalse, "VolumeSnapshotClassNotFound", 2), "why"},
		"no class, mended":     {ready(metav1.ConditionFalse, "VolumeSnapshotClassNotFound", 1), ""},
		"mistake in ConfigMap": {mistaken, "why"},
		"new":                  {Backup{KafkaBackup: &v1alpha1.KafkaBackup{}}, ""},
	} {
		if got := test.backup.CannotRun(); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
