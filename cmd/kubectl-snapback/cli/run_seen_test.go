package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

func TestRunSeen(t *testing.T) {
	asked := time.Date(2026, 2, 21, 19, 5, 33, 0, time.UTC)
	status := func(volumes, failed, skipped int32, ready ...metav1.Condition) v1alpha1.KafkaBackupStatus {
		at := metav1.NewTime(asked)
		return v1alpha1.KafkaBackupStatus{LastRunNow: &at, Conditions: ready,
			LastRun: &v1alpha1.RunStatus{ScheduledTime: at, Volumes: volumes, Failed: failed, Skipped: skipped}}
	}
	created := snapshots.Snapshot{Name: "a", SourcePVC: "data-0"}
	cut := snapshots.Snapshot{Name: "a", SourcePVC: "data-0", Cut: asked}
	ready := snapshots.Snapshot{Name: "a", SourcePVC: "data-0", Cut: asked, Ready: true}
	failing := snapshots.Snapshot{Name: "b", SourcePVC: "data-1", Failure: "no space"}
	deleting := snapshots.Snapshot{Name: "b", SourcePVC: "data-1", Deleting: true}
	quota := metav1.Condition{Type: "Ready", Status: metav1.ConditionFalse, Reason: "SnapshotFailed", Message: "over quota"}

	for name, test := range map[string]struct {
		status    v1alpha1.KafkaBackupStatus
		snapshots []snapshots.Snapshot
		after     time.Duration // since it was first seen
		waits     bool
		says      string // in the failure; empty: there is none
	}{
		"just asked":             {waits: true},
		"begun, not answered":    {snapshots: []snapshots.Snapshot{ready}, after: time.Hour, waits: true},
		"nobody answers":         {after: time.Minute, says: "no scheduler has begun the run within 1m0s"},
		"nobody can":             {status: v1alpha1.KafkaBackupStatus{Conditions: []metav1.Condition{quota}}, after: time.Minute, says: ": over quota"},
		"created":                {status: status(1, 0, 0), snapshots: []snapshots.Snapshot{created}, waits: true},
		"cut":                    {status: status(1, 0, 0), snapshots: []snapshots.Snapshot{cut}, waits: true},
		"ready":                  {status: status(1, 0, 0), snapshots: []snapshots.Snapshot{ready}},
		"one is cut":             {status: status(2, 0, 0), snapshots: []snapshots.Snapshot{cut, failing}, after: time.Hour, waits: true},
		"failing, may be mended": {status: status(2, 0, 0), snapshots: []snapshots.Snapshot{ready, failing}, after: 29 * time.Second, waits: true},
		"failing":                {status: status(2, 0, 0), snapshots: []snapshots.Snapshot{ready, failing}, after: 30 * time.Second, says: "1 of 2 volumes have a ready snapshot of the run of 2026-02-21T19:05:33Z: data-1: failed, and is tried again: no space"},
		"given up":               {status: status(2, 0, 0), snapshots: []snapshots.Snapshot{ready, deleting}, says: "1 of 2 volumes have a ready snapshot of the run of 2026-02-21T19:05:33Z: data-1: given up"},
		"skipped":                {status: status(2, 0, 1), snapshots: []snapshots.Snapshot{ready}, says: ": 1 not snapshotted at all"},
		"not created":            {status: status(2, 1, 0, quota), snapshots: []snapshots.Snapshot{ready}, says: ": over quota"},
		"not created, unsaid":    {status: status(2, 1, 0), snapshots: []snapshots.Snapshot{ready}, says: "1 could not be created"},
		"nothing there":          {status: status(0, 0, 0), says: "it found no volume"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &runSeen{asked: asked, backup: inventory.Backup{KafkaBackup: &v1alpha1.KafkaBackup{Status: test.status}}, snapshots: test.snapshots}
			r.news(asked)
			over, err := r.verdict(asked.Add(test.after))
			if over == test.waits || (err != nil) != (test.says != "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("over: %v, %v", over, err)
			}
		})
	}
}

// TestRunSeenOvertaken lets the schedule's next run take the place of the one
// that was asked for in the status.
func TestRunSeenOvertaken(t *testing.T) {
	asked := metav1.NewTime(time.Date(2026, 2, 21, 19, 5, 33, 0, time.UTC))
	later := metav1.NewTime(asked.Add(time.Second))
	kb := &v1alpha1.KafkaBackup{Status: v1alpha1.KafkaBackupStatus{LastRunNow: &asked, LastRun: &v1alpha1.RunStatus{ScheduledTime: asked, Volumes: 2, Skipped: 1}}}
	r := &runSeen{asked: asked.Time, backup: inventory.Backup{KafkaBackup: kb}, snapshots: []snapshots.Snapshot{{Name: "a", Cut: asked.Time}}}
	r.news(asked.Time)
	kb.Status.LastRun = &v1alpha1.RunStatus{ScheduledTime: later, Volumes: 1}
	r.snapshots[0].Ready = true
	r.news(later.Time)
	if over, err := r.verdict(later.Time); !over || err == nil || !strings.Contains(err.Error(), "1 not snapshotted at all") {
		t.Errorf("over: %v, %v", over, err)
	}
}

func TestRunSeenNews(t *testing.T) {
	asked := time.Date(2026, 2, 21, 19, 5, 33, 0, time.UTC)
	r := &runSeen{asked: asked, backup: inventory.Backup{KafkaBackup: &v1alpha1.KafkaBackup{}}}
	var said []string
	for second, s := range []snapshots.Snapshot{{}, {}, {Failure: "no space"}, {Cut: asked}, {Cut: asked, Ready: true}, {Cut: asked, Ready: true}} {
		s.Name, s.SourcePVC = "data-0-1", "data-0"
		r.snapshots = []snapshots.Snapshot{s}
		said = append(said, r.news(asked.Add(time.Duration(second)*time.Second))...)
	}
	want := []string{"   0s  data-0: created", "   2s  data-0: failed, and is tried again: no space", "   3s  data-0: cut", "   4s  data-0: ready"}
	if fmt.Sprint(said) != fmt.Sprint(want) {
		t.Errorf("%q", said)
	}
}
