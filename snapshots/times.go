package snapshots

import (
	"fmt"
	"time"

	"github.com/snapback-dev/snapback/api/schedule"
	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Times returns the times at which runs of a KafkaBackup are due, with its jitter.
// The jitter shifts all of them alike, by an offset that follows from the UID: the
// scheduled time of a run is the time at which it is really made.
func Times(kb *v1alpha1.KafkaBackup) (schedule.Schedule, error) {
	times, err := schedule.Parse(kb.Spec.Schedule, kb.Spec.TimeZone, kb.CreationTimestamp.Time)
	if err != nil {
		return times, err
	}
	var jitter time.Duration
	if kb.Spec.Jitter != "" {
		if jitter, err = time.ParseDuration(kb.Spec.Jitter); err != nil || jitter < 0 {
			return schedule.Schedule{}, fmt.Errorf("spec.jitter %q: must be a duration such as \"10m\" or \"90s\"", Quotable(kb.Spec.Jitter))
		}
	}
	return times.Shift(schedule.Jitter(jitter, string(kb.UID))), nil
}
