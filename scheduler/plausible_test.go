package scheduler

import (
	"math"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/snapback-dev/snapback/api/schedule"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/verify"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

var (
	yearOne  = metav1.Date(1, 1, 2, 0, 0, 0, 0, time.UTC)
	longAgo  = metav1.Date(2016, 1, 1, 0, 0, 0, 0, time.UTC)
	farAhead = metav1.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// hostileStatuses are statuses that no leader can have written.
func hostileStatuses() map[string]v1alpha1.KafkaBackupStatus {
	all := map[string]v1alpha1.KafkaBackupStatus{}
	for name, t := range map[string]metav1.Time{"year 1": yearOne, "2016": longAgo, "year 9999": farAhead} {
		run := v1alpha1.RunStatus{ScheduledTime: t, CompletionTime: t.DeepCopy(), Volumes: math.MaxInt32, Ready: -1, Failed: math.MinInt32, Skipped: math.MinInt32, Skew: "long"}
		s := v1alpha1.KafkaBackupStatus{
			ObservedGeneration: 1, NextScheduleTime: t.DeepCopy(), LastScheduleTime: t.DeepCopy(), LastSuccessfulTime: t.DeepCopy(), LastRunNow: t.DeepCopy(),
			LastRun: &run, MissedRuns: math.MaxInt64, Snapshots: -1, Volumes: -1, OrphanedVolumes: -1,
		}
		for range 20 {
			s.Restores = append(s.Restores, v1alpha1.RestoreStatus{PersistentVolumeClaim: "a", VolumeSnapshot: "b", RequestedTime: t})
			s.Orphaned = append(s.Orphaned, v1alpha1.OrphanedVolume{Volume: "v"})
			s.Drills = append(s.Drills, v1alpha1.DrillReport{Result: v1alpha1.DrillSound, VolumeSnapshot: "s", FinishedTime: t}, v1alpha1.DrillReport{Result: "Any"})
			s.Conditions = append(s.Conditions,
				metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonScheduled, LastTransitionTime: t},
				metav1.Condition{Type: "Anything", Status: metav1.ConditionTrue, Reason: "Any", LastTransitionTime: t})
		}
		all[name] = s
		s.MissedRuns = math.MinInt64
		all[name+", negative"] = s
	}
	return all
}

// stored returns the KafkaBackup and the ConfigMap that hold such a status, as
// the scheduler reads them.
func stored(t *testing.T, status v1alpha1.KafkaBackupStatus) map[string]*v1alpha1.KafkaBackup {
	t.Helper()
	kb := snapshotstest.NewBackup("b", "kafka", "class").Schedule("* * * * *").Obj()
	kb.UID, kb.Generation, kb.CreationTimestamp, kb.Status = "uid", 1, metav1.Time{Time: ten}, status
	cm := snapshotstest.ConfigMapOf(kb)
	text, err := yaml.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	cm.UID, cm.CreationTimestamp, cm.Annotations = "uid", kb.CreationTimestamp, map[string]string{v1alpha1.AnnotationStatus: string(text)}
	read, err := snapshots.KafkaBackupOfConfigMap(cm)
	if err != nil {
		t.Fatal(err)
	}
	read.Status.ObservedGeneration = read.Generation
	return map[string]*v1alpha1.KafkaBackup{"KafkaBackup": kb, "ConfigMap": read}
}

// TestHostileStatus starts a job from statuses that people have written. That
// must not take long, or cause a run from before the KafkaBackup's creation, and
// the scheduler must then write the true status.
func TestHostileStatus(t *testing.T) {
	for name, status := range hostileStatuses() {
		for form, kb := range stored(t, status) {
			s := newTerm(t, "* * * * *")
			s.kb = kb
			now := ten.Add(30 * time.Second)
			kb.Status = plausible(kb.Status, kb.CreationTimestamp.Time, now)
			if late := s.at(30 * time.Second); late != (missedRuns{}) {
				t.Errorf("%s of a %s: %+v were missed", name, form, late)
			}
			s.idle()
			s.at(time.Minute)
			s.done(s.runs(time.Minute))
			s.save()
			kb.Status = newStatus(kb.Status, kb.Generation, observed{last: &Result{Scheduled: ten.Add(time.Minute), Volumes: 1, Created: []string{"x"}},
				own: []snapshots.Snapshot{{Volume: "v", Scheduled: ten.Add(time.Minute), Cut: ten.Add(time.Minute), Ready: true}}, included: map[string]bool{"v": true}}, ten.Add(time.Minute))
			got := kb.Status
			if got.LastSuccessfulTime == nil || !got.LastSuccessfulTime.Equal(&metav1.Time{Time: ten.Add(time.Minute)}) ||
				!got.LastRun.ScheduledTime.Equal(got.LastSuccessfulTime) || got.MissedRuns < 0 || got.MissedRuns > maxMissed ||
				len(got.Restores) > verify.MaxRestores || len(got.Orphaned) > maxOrphaned || len(got.Conditions) != 1 || len(got.Drills) != 0 || got.Conditions[0].LastTransitionTime.After(now) {
				t.Errorf("%s of a %s: status is %+v", name, form, got)
			}
		}
	}
}

// TestPlausibleKeeps checks that a true status does not change.
func TestPlausibleKeeps(t *testing.T) {
	at := metav1.Time{Time: ten.Add(time.Hour)}
	s := v1alpha1.KafkaBackupStatus{
		NextScheduleTime: &at, LastScheduleTime: &at, LastSuccessfulTime: &at, LastRunNow: &at, MissedRuns: 3, OrphanedVolumes: 1,
		Orphaned: []v1alpha1.OrphanedVolume{{Volume: "v"}}, Restores: []v1alpha1.RestoreStatus{{RequestedTime: at}},
		Drills:     []v1alpha1.DrillReport{{Result: v1alpha1.DrillDamaged, Volume: "v", Broker: "0", VolumeSnapshot: "s", RunTime: at, DueTime: at, StartedTime: at, BoundTime: &at, FinishedTime: at, Message: "m"}},
		LastRun:    &v1alpha1.RunStatus{ScheduledTime: at, Volumes: 3, Ready: 1, Failed: 1, Skipped: 1},
		Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, LastTransitionTime: at}, {Type: v1alpha1.ConditionRestoresVerified, LastTransitionTime: at}},
		Kafka:      &v1alpha1.KafkaStatus{ObservedTime: at, Brokers: 3, AtRisk: make([]v1alpha1.VolumeAtRisk, v1alpha1.MaxAtRisk)},
	}
	if got, want := mustYAML(t, plausible(s, ten, at.Time)), mustYAML(t, s); got != want {
		t.Errorf("changed:\n%s\nwant\n%s", got, want)
	}
}

func TestPlausibleKafka(t *testing.T) {
	for name, c := range map[string]struct {
		observed time.Time
		volumes  int // that are at risk; -1: there is no status of Kafka
	}{
		"too many":      {ten, v1alpha1.MaxAtRisk},
		"in the future": {ten.Add(time.Hour), -1},
	} {
		s := v1alpha1.KafkaBackupStatus{Kafka: &v1alpha1.KafkaStatus{ObservedTime: metav1.Time{Time: c.observed}, AtRisk: make([]v1alpha1.VolumeAtRisk, 50)}}
		got := plausible(s, ten, ten).Kafka
		if got == nil && c.volumes >= 0 || got != nil && len(got.AtRisk) != c.volumes {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func mustYAML(t *testing.T, v any) string {
	t.Helper()
	text, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestManyMissed starts after more missed times than the scheduler counts.
func TestManyMissed(t *testing.T) {
	s := newTerm(t, "@every 1m")
	s.at(0)
	s.save()
	s.restart()
	late := s.at(100*time.Hour + 30*time.Second)
	if late.count != schedule.MaxCounted-1 || !late.more || !late.madeUp || !late.latest.Equal(ten.Add(100*time.Hour)) {
		t.Errorf("missed: %+v", late)
	}
	s.runs(100 * time.Hour)
}

// TestStatusOfManyRunsAgo has an old status, and snapshots of more runs than the
// scheduler counts.
func TestStatusOfManyRunsAgo(t *testing.T) {
	s := newTerm(t, "@every 1s")
	s.at(0)
	s.save()
	s.restart()
	s.spec.made = map[int64]bool{}
	for i := range 2 * schedule.MaxCounted {
		s.spec.made[ten.Unix()+int64(i)] = true
	}
	if late := s.at(time.Hour); late.count != 0 {
		t.Errorf("missed: %+v", late)
	}
	s.runs(time.Hour)
}

// TestRunNowIsKept has a new leader whose clock is minutes behind: the answer of the
// leader before to a run-now, which seems to be in the future, stays. Otherwise that
// run would be made again as soon as the clock is right.
func TestRunNowIsKept(t *testing.T) {
	t.Parallel()
	asked := metav1.NewTime(ten.Add(7 * time.Minute))
	kept := plausible(v1alpha1.KafkaBackupStatus{LastRunNow: &asked}, ten, ten)
	j := newJob(&v1alpha1.KafkaBackup{Status: kept})
	j.runNow = asked.Time
	if at, _, due := j.due(asked.Time); due {
		t.Errorf("the run of %s, which was made, is due again", at)
	}
}
