package liveness

import (
	"fmt"
	"time"
)

// late is how long after its time a run may begin.
const late = 15 * time.Second

// A run of each KafkaBackup that was due after the last fault has been made, whole, and
// the next ones begin when they are due.
var _ = register(Check{Name: "runs", Run: func(s State) []string {
	var wrong []string
	for _, kb := range s.Backups {
		if kb.Spec.Suspend {
			continue
		}
		if last := kb.Status.LastSuccessfulTime; last == nil || last.Time.Before(s.Quiet) {
			wrong = append(wrong, fmt.Sprintf("KafkaBackup %s/%s has had no whole run since %s: %v", kb.Namespace, kb.Name, s.Quiet.Format(time.TimeOnly), last))
		}
		if next := kb.Status.NextScheduleTime; next == nil || s.Now.Sub(next.Time) > late {
			wrong = append(wrong, fmt.Sprintf("KafkaBackup %s/%s has made no run since one was due: %v", kb.Namespace, kb.Name, next))
		}
	}
	return wrong
}})
