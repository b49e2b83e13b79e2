package scheduler

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/proof"
	"github.com/snapback-dev/snapback/scheduler/verify"
	"github.com/snapback-dev/snapback/snapshots"
)

// maxMissed is a number of missed runs that no KafkaBackup can reach.
const maxMissed = 1 << 40

// plausible returns a stored status without the values that cannot be true.
// Other people can write a status, most easily that of a ConfigMap, and applying
// an old manifest again brings an old status back. No value in it may block the
// scheduler, or keep it from writing the true one. The scheduler computes the
// removed values again.
func plausible(s v1alpha1.KafkaBackupStatus, created, now time.Time) v1alpha1.KafkaBackupStatus {
	s = *s.DeepCopy()
	future := func(t *metav1.Time) bool { return t != nil && t.Sub(now) > aheadOfUs }
	if t := s.NextScheduleTime; t != nil && t.Time.Before(created) { // no run is due before there is a KafkaBackup
		s.NextScheduleTime = nil
	}
	for _, t := range []**metav1.Time{&s.LastScheduleTime, &s.LastSuccessfulTime} {
		if future(*t) {
			*t = nil
		}
	}
	if t := s.LastRunNow; t != nil && t.Sub(now) > snapshots.ClocksApart { // without it a run is made again, also if our clock is behind
		s.LastRunNow = nil
	}
	if run := s.LastRun; run != nil && (future(&run.ScheduledTime) || !sound(run)) {
		s.LastRun, s.OrphanedVolumes, s.Orphaned = nil, 0, nil
	}
	if run := s.LastRun; run != nil {
		run.FailedVolumes, run.SkippedVolumes = firstOf(run.FailedVolumes), firstOf(run.SkippedVolumes)
	}
	if s.MissedRuns < 0 || s.MissedRuns > maxMissed {
		s.MissedRuns = 0
	}
	s.Restores = slices.DeleteFunc(s.Restores, func(r v1alpha1.RestoreStatus) bool { return r.RequestedTime.Sub(now) > snapshots.ClocksApart })
	s.Restores = s.Restores[:min(len(s.Restores), verify.MaxRestores)]
	for i := range s.Restores {
		if k := s.Restores[i].Kafka; k != nil && (future(k.InSyncTime) || future(k.ReportedTime)) {
			s.Restores[i].Kafka = nil
		}
	}
	s.Drills = proof.Keep(snapshots.PlausibleDrills(s.Drills, now))
	s.Orphaned = s.Orphaned[:min(len(s.Orphaned), maxOrphaned)]
	s.Conditions = plausibleConditions(s.Conditions, now)
	if k := s.Kafka; k != nil && future(&k.ObservedTime) {
		s.Kafka = nil
	} else if k != nil {
		k.AtRisk = k.AtRisk[:min(len(k.AtRisk), v1alpha1.MaxAtRisk)]
	}
	return s
}

// sound reports whether the numbers of a run can be true together.
func sound(run *v1alpha1.RunStatus) bool {
	const most = 1 << 24 // of three the sum is no overflow
	for _, n := range []int32{run.Volumes, run.Ready, run.Failed, run.Skipped} {
		if n < 0 || n > most {
			return false
		}
	}
	return run.Ready <= run.Volumes
}

// plausibleConditions keeps the first condition of each type that Snapback sets.
// Each condition is exported, and two of one type would make all metrics
// unreadable. A transition time in the future is set to now: it would delay
// what must happen a day after it.
func plausibleConditions(all []metav1.Condition, now time.Time) []metav1.Condition {
	seen := map[string]bool{}
	kept := slices.DeleteFunc(all, func(c metav1.Condition) bool {
		drop := v1alpha1.ConditionReasons[c.Type] == nil || seen[c.Type]
		seen[c.Type] = true
		return drop
	})
	for i := range kept {
		if kept[i].LastTransitionTime.After(now) {
			kept[i].LastTransitionTime = metav1.NewTime(now)
		}
	}
	return kept
}
