package scheduler

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestLostVolume has volumes without a claim: drills still prove one that was lost
// since the last run, for its claim is to come back.
func TestLostVolume(t *testing.T) {
	backup := snapshotstest.NewBackup("b", "kafka", "class")
	taken := func(change func(*snapshotstest.Snapshot)) []snapshots.Snapshot {
		b := snapshotstest.NewSnapshot(snapshotstest.StatefulSetClaim("kafka", 1), backup, "driver", ten).Ready()
		change(b)
		s, err := snapshots.NewSnapshot(b.Obj())
		if err != nil {
			t.Fatal(err)
		}
		return []snapshots.Snapshot{s}
	}
	as := func(*snapshotstest.Snapshot) {}
	if v, ok := lostVolume(snapshotstest.Namespace, taken(as), ten); !ok || v.Slot != "data-kafka-1" || v.Good == nil || len(v.Own) != 1 {
		t.Errorf("lost since the last run: %+v, %t", v, ok)
	}
	if v, ok := lostVolume(snapshotstest.Namespace, taken(as), ten.Add(time.Hour)); ok {
		t.Errorf("scaled down: %+v", v)
	}
	if v, ok := lostVolume(snapshotstest.Namespace, taken(func(s *snapshotstest.Snapshot) { s.Annotate(v1alpha1.AnnotationRole, string(snapshots.RoleZooKeeper)) }), ten); ok {
		t.Errorf("of ZooKeeper: %+v", v)
	}
}

func TestResumed(t *testing.T) {
	status := func(reason string, taken int32) v1alpha1.KafkaBackupStatus {
		return v1alpha1.KafkaBackupStatus{Snapshots: taken, Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Reason: reason}}}
	}
	one := view{own: make([]snapshots.Snapshot, 1)}
	running, suspended := snapshotstest.NewBackup("b", "kafka", "class"), snapshotstest.NewBackup("b", "kafka", "class").Spec(func(s *v1alpha1.KafkaBackupSpec) { s.Suspend = true })
	for name, c := range map[string]struct {
		before v1alpha1.KafkaBackupStatus
		kb     *snapshotstest.Backup
		seen   view
		want   bool
	}{
		"as before":          {status(v1alpha1.ReasonScheduled, 1), running, one, false},
		"no more suspended":  {status(v1alpha1.ReasonSuspended, 1), running, one, true},
		"still suspended":    {status(v1alpha1.ReasonSuspended, 1), suspended, one, false},
		"the first snapshot": {status(v1alpha1.ReasonScheduled, 0), running, one, true},
		"none yet":           {status(v1alpha1.ReasonScheduled, 0), running, view{}, false},
	} {
		if got := resumed(c.before, c.kb.Obj(), c.seen); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
