package snapshots_test

import (
	"time"

	"github.com/snapback-dev/snapback/snapshots"
)

// onBackups returns sources with one KafkaBackup for each value of the annotation.
func onBackups(annotation string, values ...string) (from sources) {
	for i, value := range values {
		from.Backups = append(from.Backups, snapshots.Backup{Name: string(rune('a' + i)), Annotations: map[string]string{annotation: value}})
	}
	return from
}

// considered returns the trace of the snapshots for a claim that is opted in.
func considered(claim snapshots.Claim, all []snapshots.Snapshot, at time.Time) []snapshots.Considered {
	return sources{PVC: optIn()}.explain(claim, snapshots.Around{}, all, at)
}
