package liveness

import (
	"fmt"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// late is how long after its time a run may end: it waits for its turn, and a quorum for
// its brokers.
const late = time.Minute

// A run of each KafkaBackup that was due after the last fault has succeeded, and the next
// ones are made when they are due.
var _ = register(Check{Name: "runs", Run: func(s State) []string {
	var wrong []string
	for _, kb := range s.Backups {
		if kb.Spec.Suspend {
			continue
		}
		if last := kb.Status.LastSuccessfulTime; last == nil || last.Time.Before(s.Quiet) {
			wrong = append(wrong, fmt.Sprintf("KafkaBackup %s/%s has had no success since %s, but at %v; its last run: %s", kb.Namespace, kb.Name, s.Quiet.Format(time.TimeOnly), last, lastRun(kb.Status)))
		}
		if next := kb.Status.NextScheduleTime; next == nil || s.Now.Sub(next.Time) > late {
			wrong = append(wrong, fmt.Sprintf("KafkaBackup %s/%s has made no run since one was due: %v", kb.Namespace, kb.Name, next))
		}
	}
	return wrong
}})

// lastRun tells why a run is not whole.
func lastRun(s v1alpha1.KafkaBackupStatus) string {
	if s.LastRun == nil {
		return "none"
	}
	return fmt.Sprintf("of %s, %d of %d snapshots ready, failed %v, skipped %v", s.LastRun.ScheduledTime.UTC().Format(time.TimeOnly), s.LastRun.Ready, s.LastRun.Volumes, s.LastRun.FailedVolumes, s.LastRun.SkippedVolumes)
}
