package snapshots_test

import (
	"time"

	"github.com/snapback-dev/snapback/snapshots"
)

// selected is what a claim gets under a policy.
func selected(claim snapshots.Claim, policy snapshots.Policy, around snapshots.Around, all []snapshots.Snapshot, at time.Time) snapshots.Decision {
	return snapshots.Select(claim, policy, around, all, at)
}

// onBackups has one KafkaBackup for each value of the annotation.
func onBackups(annotation string, values ...string) (from snapshots.PolicySource) {
	for i, value := range values {
		from.Backups = append(from.Backups, snapshots.Backup{Name: string(rune('a' + i)), Annotations: map[string]string{annotation: value}})
	}
	return from
}

// considered is what is said of each of the snapshots when a claim that is
// opted in asks.
func considered(claim snapshots.Claim, all []snapshots.Snapshot, at time.Time) []snapshots.Considered {
	return snapshots.PassedOver(claim, snapshots.PolicySource{PVC: optIn()}, snapshots.Around{}, all, at)
}
