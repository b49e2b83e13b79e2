package scheduler

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// observed is what a reconciliation has found, for the status.
type observed struct {
	next     *time.Time // nil: no run is due, ever
	missed   int64
	runNow   time.Time // the last run-now that was answered; zero: none
	last     *Result   // last result of this term of leadership; nil: none yet
	own      []snapshots.Snapshot
	included map[string]bool // hashes of the volumes that runs include
	live     map[string]bool // hashes of the volumes that have a claim
}

// newStatus returns the new status, from the one before and what was found now.
// Conditions are set elsewhere.
func newStatus(before v1alpha1.KafkaBackupStatus, generation int64, seen observed, now time.Time) v1alpha1.KafkaBackupStatus {
	s := *before.DeepCopy()
	s.ObservedGeneration = generation
	s.NextScheduleTime = nil
	if seen.next != nil {
		s.NextScheduleTime = &metav1.Time{Time: *seen.next}
	}
	if !seen.runNow.IsZero() {
		s.LastRunNow = &metav1.Time{Time: seen.runNow}
	}
	s.MissedRuns = max(s.MissedRuns, seen.missed)
	s.Volumes = int32(len(seen.included))
	s.Snapshots, s.RestoreSize = int32(len(seen.own)), snapshots.RestoreSize(seen.own)
	if last := seen.last; last != nil && (s.LastRun == nil || last.Scheduled.After(s.LastRun.ScheduledTime.Time)) {
		s.LastScheduleTime = &metav1.Time{Time: last.Scheduled}
		s.LastRun = &v1alpha1.RunStatus{ScheduledTime: metav1.Time{Time: last.Scheduled}}
	}
	if last := seen.last; last != nil && last.Scheduled.Equal(s.LastRun.ScheduledTime.Time) { // it may have been tried again
		s.LastRun.Volumes, s.LastRun.Failed = int32(last.Volumes), int32(len(last.Failed))
		s.LastRun.Skipped = int32(last.Volumes - len(last.Created) - len(last.Failed)) // volumes, not claims: two claims can have one volume
		s.LastRun.FailedVolumes, s.LastRun.SkippedVolumes = firstOf(last.failed()), firstOf(last.skipped())
	}
	if s.LastRun != nil {
		followRun(s.LastRun, seen.own, now)
		orphaned := orphanedVolumes(seen.own, seen.live, s.LastRun.ScheduledTime.Time)
		s.OrphanedVolumes = int32(len(orphaned))
		s.Orphaned = orphaned[:min(len(orphaned), maxOrphaned)]
	}
	if t := lastSuccess(s.LastRun, seen.own, seen.included); s.LastSuccessfulTime == nil || t.After(s.LastSuccessfulTime.Time) {
		if !t.IsZero() {
			s.LastSuccessfulTime = &metav1.Time{Time: t}
		}
	}
	return s
}

// followRun counts how many snapshots of the run are ready. The number does not
// go down when a snapshot is deleted later.
func followRun(run *v1alpha1.RunStatus, own []snapshots.Snapshot, now time.Time) {
	var ready int32
	var cuts []time.Time
	for i := range own {
		s := &own[i]
		if !s.Ready || !s.Scheduled.Equal(run.ScheduledTime.Time) {
			continue
		}
		ready++
		if !s.Cut.IsZero() {
			cuts = append(cuts, s.Cut)
		}
	}
	if ready <= run.Ready {
		return
	}
	run.Ready = ready
	if len(cuts) > 0 {
		slices.SortFunc(cuts, time.Time.Compare)
		run.Skew = cuts[len(cuts)-1].Sub(cuts[0]).String()
	}
	if ready == run.Volumes-run.Failed-run.Skipped {
		run.CompletionTime = &metav1.Time{Time: now.Truncate(time.Second)}
	}
}

// completion is the time when all snapshots of the last run were ready; zero: not
// yet.
func completion(s v1alpha1.KafkaBackupStatus) time.Time {
	if s.LastRun == nil || s.LastRun.CompletionTime == nil {
		return time.Time{}
	}
	return s.LastRun.CompletionTime.Time
}

// maxOrphaned is how many orphaned volumes the status lists, as the CRD says.
const maxOrphaned = 10

// orphanedVolumes are the volumes that have snapshots, but no claim and no
// snapshot of the last run, sorted by slot. A lost broker that is coming back is
// not orphaned yet.
func orphanedVolumes(own []snapshots.Snapshot, live map[string]bool, lastRun time.Time) []v1alpha1.OrphanedVolume {
	var orphaned []v1alpha1.OrphanedVolume
	for hash, of := range snapshots.ByVolume(own) {
		if live[hash] {
			continue
		}
		var s *snapshots.Snapshot // the newest
		for i := range of {
			if !of[i].Deleting && (s == nil || of[i].Scheduled.After(s.Scheduled)) {
				s = &of[i]
			}
		}
		if s != nil && s.Scheduled.Before(lastRun) {
			orphaned = append(orphaned, v1alpha1.OrphanedVolume{
				Volume: s.Annotations[v1alpha1.AnnotationSlot], NewestSnapshot: s.Name, ScheduledTime: metav1.Time{Time: s.Scheduled}})
		}
	}
	slices.SortFunc(orphaned, func(a, b v1alpha1.OrphanedVolume) int {
		return cmp.Or(cmp.Compare(a.Volume, b.Volume), cmp.Compare(a.NewestSnapshot, b.NewestSnapshot))
	})
	return orphaned
}
