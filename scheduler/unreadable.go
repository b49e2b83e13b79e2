package scheduler

import (
	"context"
	"slices"
)

// findSpoilt names the KafkaBackup's snapshots that cannot be read, since somebody
// changed their labels or annotations. They are neither restored from nor
// pruned, and a claim whose volume has no other snapshot is refused.
func findSpoilt(_ context.Context, e *examination) ([]string, error) {
	var spoilt []string
	for i := range e.seen.spoilt {
		if s := &e.seen.spoilt[i]; !s.Deleting {
			spoilt = append(spoilt, s.Name)
		}
	}
	slices.Sort(spoilt)
	return spoilt, nil
}
