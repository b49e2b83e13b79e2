package snapshots_test

import (
	"time"

	"github.com/snapback-dev/snapback/snapshots"
)

// onBackups has one KafkaBackup for each value of the annotation.
func onBackups(annotation string, values ...string) (from sources) {
	for i, value := range values {
		from.Backups = append(from.Backups, snapshots.Backup{Name: string(rune('a' + i)), Annotations: map[string]string{annotation: value}})
	}
	return from
}

// considered is what is said of each of the snapshots when a claim that is
// opted in asks.
func considered(claim snapshots.Claim, all []snapshots.Snapshot, at time.Time) []snapshots.Considered {
	return sources{PVC: optIn()}.explain(claim, snapshots.Around{}, all, at)
}
