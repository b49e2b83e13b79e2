package liveness

import (
	"fmt"
	"time"
)

// A run of each KafkaBackup that was due after the last fault has been made, whole.
var _ = register(Check{Name: "runs", Run: func(s State) []string {
	var wrong []string
	for _, kb := range s.Backups {
		last := kb.Status.LastSuccessfulTime
		if !kb.Spec.Suspend && (last == nil || last.Time.Before(s.Quiet)) {
			wrong = append(wrong, fmt.Sprintf("KafkaBackup %s/%s has had no whole run since %s: %v", kb.Namespace, kb.Name, s.Quiet.Format(time.TimeOnly), last))
		}
	}
	return wrong
}})
