package proof

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// drilled is a volume with snapshots of these hours before noon. The first one is
// what a lost claim would get.
func drilled(t *testing.T, slot string, hours ...int) Volume {
	t.Helper()
	v := Volume{Slot: slot}
	for _, h := range hours {
		claim := snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").Named(slot)
		s, err := snapshots.NewSnapshot(snapshotstest.NewSnapshot(claim, snapshotstest.NewBackup("b", "kafka", "class"), "driver", noon.Add(-time.Duration(h)*time.Hour)).Ready().Obj())
		if err != nil {
			t.Fatal(err)
		}
		v.Own = append(v.Own, s)
	}
	if len(v.Own) > 0 {
		v.Good = &v.Own[0]
	}
	return v
}

// with writes a report on the snapshot of that index.
func (v Volume) with(t *testing.T, i int, result v1alpha1.DrillResult) Volume {
	t.Helper()
	r := report(v.Slot, result, v.Own[i].Scheduled, noon.Add(-time.Minute))
	value, err := snapshots.WriteReport(r)
	if err != nil {
		t.Fatal(err)
	}
	v.Own[i].Annotations[v1alpha1.AnnotationVerified] = value
	return v
}

// getting sets what a lost claim would get.
func (v Volume) getting(i int) Volume {
	v.Good = nil
	if i >= 0 {
		v.Good = &v.Own[i]
	}
	return v
}

func drills(change func(*v1alpha1.KafkaBackup)) *v1alpha1.KafkaBackup {
	kb := snapshotstest.NewBackup("b", "kafka", "class").Obj()
	kb.CreationTimestamp = metav1.Time{Time: noon.Add(-1000 * time.Hour)}
	kb.Spec.Drill = &v1alpha1.DrillSpec{Schedule: "@every 24h", Timeout: "30m"}
	kb.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionBackupsProven, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonProven, LastTransitionTime: kb.CreationTimestamp}}
	if change != nil {
		change(kb)
	}
	return kb
}

func TestCondition(t *testing.T) {
	ago := func(hours int) time.Time { return noon.Add(-time.Duration(hours) * time.Hour) }
	sound := []v1alpha1.DrillReport{report("a", v1alpha1.DrillSound, ago(3), ago(2))}
	many := func(n, proven int) (all []Volume, reports []v1alpha1.DrillReport) {
		for i := range n {
			all = append(all, drilled(t, fmt.Sprint("v", i), 1))
			if i < proven {
				reports = append(reports, report(fmt.Sprint("v", i), v1alpha1.DrillSound, ago(3), ago(2)))
			}
		}
		return all, reports
	}
	large, remembered := many(30, v1alpha1.MaxDrills)
	_, few := many(30, v1alpha1.MaxDrills-1)
	for name, c := range map[string]struct {
		seen   Seen
		status metav1.ConditionStatus
		reason string
		says   string
	}{
		"not installed": {Seen{KafkaBackup: drills(nil), Reports: sound}, metav1.ConditionFalse, v1alpha1.ReasonDrillsNotInstalled, "drills.enabled=true"},
		"proven": {Seen{KafkaBackup: drills(nil), Reports: sound, Volumes: []Volume{drilled(t, "a", 1, 2)}}, metav1.ConditionTrue, v1alpha1.ReasonProven,
			"The last drill of each of 1 volumes ended well"},
		"some": {Seen{KafkaBackup: drills(nil), Reports: sound, Volumes: []Volume{drilled(t, "a", 1), drilled(t, "b", 1)}}, metav1.ConditionUnknown, v1alpha1.ReasonNotProvenYet, "1 of 2 volumes"},
		"no snapshot": {Seen{KafkaBackup: drills(nil), Volumes: []Volume{drilled(t, "a")}}, metav1.ConditionUnknown, v1alpha1.ReasonNotProvenYet,
			"No volume has a snapshot yet"},
		"more than are remembered": {Seen{KafkaBackup: drills(nil), Volumes: large, Reports: remembered}, metav1.ConditionTrue, v1alpha1.ReasonProven, "at least 20 of 30"},
		"fewer than are remembered": {Seen{KafkaBackup: drills(nil), Volumes: large, Reports: few}, metav1.ConditionUnknown, v1alpha1.ReasonNotProvenYet,
			"19 of 30"},
		"the damaged snapshot is gone": {Seen{KafkaBackup: drills(nil), Volumes: []Volume{drilled(t, "a", 1)},
			Reports: []v1alpha1.DrillReport{report("a", v1alpha1.DrillSound, ago(4), ago(2)), report("a", v1alpha1.DrillDamaged, ago(3), ago(3))}},
			metav1.ConditionUnknown, v1alpha1.ReasonNotProvenYet, "0 of 1"},
		"damaged, a newer one": {Seen{KafkaBackup: drills(nil), Volumes: []Volume{drilled(t, "a", 1, 2, 3).with(t, 1, v1alpha1.DrillDamaged)}},
			metav1.ConditionFalse, v1alpha1.ReasonSnapshotDamaged, "a lost claim would get a newer one, which no drill has read yet"},
		"damaged, an older one": {Seen{KafkaBackup: drills(nil), Volumes: []Volume{drilled(t, "a", 1, 2).with(t, 0, v1alpha1.DrillDamaged).with(t, 1, v1alpha1.DrillSound).getting(1)}},
			metav1.ConditionFalse, v1alpha1.ReasonSnapshotDamaged, "VolumeSnapshot a-20260221-110000-"},
		"damaged, no other": {Seen{KafkaBackup: drills(nil), Volumes: []Volume{drilled(t, "a", 1).with(t, 0, v1alpha1.DrillDamaged)}},
			metav1.ConditionFalse, v1alpha1.ReasonSnapshotDamaged, "in spite of its damage. Look at the disks of the brokers, and at \"kubectl snapback drills kafka -n kafka\""},
		"damaged, none is ready": {Seen{KafkaBackup: drills(nil), Volumes: []Volume{drilled(t, "a", 1).with(t, 0, v1alpha1.DrillDamaged).getting(-1)}},
			metav1.ConditionFalse, v1alpha1.ReasonSnapshotDamaged, "there is no snapshot that a lost claim would get"},
		"a newer one was found sound": {Seen{KafkaBackup: drills(nil), Reports: sound, Volumes: []Volume{drilled(t, "a", 1, 2).with(t, 1, v1alpha1.DrillDamaged).with(t, 0, v1alpha1.DrillSound)}},
			metav1.ConditionTrue, v1alpha1.ReasonProven, ""},
		"failed": {Seen{KafkaBackup: drills(nil), Volumes: []Volume{drilled(t, "a", 1)}, Reports: append([]v1alpha1.DrillReport{report("a", v1alpha1.DrillFailed, ago(1), ago(1))}, sound...)},
			metav1.ConditionFalse, v1alpha1.ReasonDrillFailed, "The last drill of volume a, of VolumeSnapshot a-1100, came to no verdict: segment 00.log ends early."},
		"failed, and then another volume did not": {Seen{KafkaBackup: drills(nil), Volumes: []Volume{drilled(t, "a", 1), drilled(t, "b", 1)},
			Reports: append(sound, report("b", v1alpha1.DrillFailed, ago(5), ago(5)), report("b", v1alpha1.DrillSound, ago(9), ago(9)))},
			metav1.ConditionFalse, v1alpha1.ReasonDrillFailed, "The last drill of volume b"},
		"failed, of a volume that is gone": {Seen{KafkaBackup: drills(nil), Volumes: []Volume{drilled(t, "a", 1)}, Reports: append(sound, report("b", v1alpha1.DrillFailed, ago(5), ago(5)))},
			metav1.ConditionTrue, v1alpha1.ReasonProven, ""},
		"no such schedule": {Seen{KafkaBackup: drills(func(kb *v1alpha1.KafkaBackup) { kb.Spec.Drill.Schedule = "61 * * * *" })},
			metav1.ConditionFalse, v1alpha1.ReasonDrillFailed, "correct spec.drill.schedule: "},
	} {
		c.seen.Installed = c.reason != v1alpha1.ReasonDrillsNotInstalled
		got := Condition(c.seen, noon)
		if got == nil || got.Status != c.status || got.Reason != c.reason || !strings.Contains(got.Message, c.says) || got.Type != v1alpha1.ConditionBackupsProven {
			t.Errorf("%s: %+v\nwant %s %s that says %q", name, got, c.status, c.reason, c.says)
		}
	}
	if c := Condition(Seen{KafkaBackup: drills(func(kb *v1alpha1.KafkaBackup) { kb.Spec.Drill = nil }), Installed: true}, noon); c != nil {
		t.Errorf("nobody has asked for drills: %+v", c)
	}
}

// TestOverdue counts from the last report, or from when drills could be made.
func TestOverdue(t *testing.T) {
	const day = 24 * time.Hour
	was := func(reason string, status metav1.ConditionStatus, since time.Time) func(*v1alpha1.KafkaBackup) {
		return func(kb *v1alpha1.KafkaBackup) {
			kb.Status.Conditions[0].Reason, kb.Status.Conditions[0].Status, kb.Status.Conditions[0].LastTransitionTime = reason, status, metav1.Time{Time: since}
		}
	}
	long := noon.Add(-40 * day)
	for name, c := range map[string]struct {
		change   func(*v1alpha1.KafkaBackup)
		reported time.Duration // ago; 0: never
		resumed  bool
		overdue  bool
	}{
		"in time":                   {was(v1alpha1.ReasonProven, metav1.ConditionTrue, long), 30 * time.Hour, false, false},
		"late":                      {was(v1alpha1.ReasonProven, metav1.ConditionTrue, long), 4 * day, false, true},
		"never, and it is new":      {was(v1alpha1.ReasonNotProvenYet, metav1.ConditionUnknown, noon.Add(-day)), 0, false, false},
		"never":                     {was(v1alpha1.ReasonNotProvenYet, metav1.ConditionUnknown, noon.Add(-4*day)), 0, false, true},
		"spec.drill was just added": {func(kb *v1alpha1.KafkaBackup) { kb.Status.Conditions = nil }, 0, false, false},
		"and there are old reports": {func(kb *v1alpha1.KafkaBackup) { kb.Status.Conditions = nil }, 30 * day, false, false},
		"installed just now":        {was(v1alpha1.ReasonDrillsNotInstalled, metav1.ConditionFalse, long), 30 * day, false, false},
		"resumed just now":          {was(v1alpha1.ReasonProven, metav1.ConditionTrue, long), 30 * day, true, false},
		"still":                     {was(v1alpha1.ReasonDrillOverdue, metav1.ConditionFalse, noon.Add(-time.Hour)), 4 * day, false, true},
		"no more":                   {was(v1alpha1.ReasonDrillOverdue, metav1.ConditionFalse, noon.Add(-day)), time.Hour, false, false},
		"suspended":                 {func(kb *v1alpha1.KafkaBackup) { kb.Spec.Suspend = true }, 30 * day, false, false},
	} {
		seen := Seen{KafkaBackup: drills(c.change), Volumes: []Volume{drilled(t, "a", 1)}, Installed: true, Resumed: c.resumed}
		if c.reported > 0 {
			seen.Reports = []v1alpha1.DrillReport{report("a", v1alpha1.DrillSound, noon.Add(-c.reported), noon.Add(-c.reported))}
		}
		if got := Condition(seen, noon); (got.Reason == v1alpha1.ReasonDrillOverdue) != c.overdue {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestTransition keeps the time of the transition, except where drills begin anew.
func TestTransition(t *testing.T) {
	seen := Seen{KafkaBackup: drills(nil), Volumes: []Volume{drilled(t, "a", 1)}, Installed: true,
		Reports: []v1alpha1.DrillReport{report("a", v1alpha1.DrillSound, noon.Add(-time.Hour), noon.Add(-time.Hour))}}
	before := seen.KafkaBackup.Status.Conditions[0].LastTransitionTime
	if c := Condition(seen, noon); !c.LastTransitionTime.Equal(&before) {
		t.Errorf("nothing has changed: %+v", c)
	}
	seen.Resumed = true
	if c := Condition(seen, noon); !c.LastTransitionTime.Time.Equal(noon) {
		t.Errorf("it was resumed: %+v", c)
	}
	seen.Resumed, seen.Reports = false, nil
	if c := Condition(seen, noon.Add(-998*time.Hour)); c.Status != metav1.ConditionUnknown || !c.LastTransitionTime.Time.Equal(noon.Add(-998*time.Hour)) {
		t.Errorf("it is another status: %+v", c)
	}
}

// TestCommandOfAnyName has a name of a cluster be one word of the command, since people copy it.
func TestCommandOfAnyName(t *testing.T) {
	kb := snapshotstest.NewBackup("b", "x; id", "class").In("team").Obj()
	if got, want := (Seen{KafkaBackup: kb}).list(), `"kubectl snapback drills 'x; id' -n team"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
