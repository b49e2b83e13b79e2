package observe

import (
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// Annotations are those of a snapshot that have what Kafka said.
var Annotations = []string{v1alpha1.AnnotationKafkaObserved, v1alpha1.AnnotationKafkaLastObserved}

// carrying is how many ready snapshots of a volume carry what Kafka said.
const carrying = 2

// Outdated returns the snapshots of a volume that carry what Kafka said, and no
// longer should: they are older than the newest two ready ones. The good one keeps
// it, whatever its age.
func Outdated(all []snapshots.Snapshot, good string) []snapshots.Snapshot {
	if !carries(all) { // as where Kafka is not asked
		return nil
	}
	all = snapshots.NewestFirst(all)
	var outdated []snapshots.Snapshot
	ready := 0
	for i := range all {
		s := &all[i]
		if ready >= carrying && s.Name != good && !s.Deleting && s.CarriesKafka() {
			outdated = append(outdated, *s)
		}
		if s.Ready && !s.Deleting {
			ready++
		}
	}
	return outdated
}

func carries(all []snapshots.Snapshot) bool {
	for i := range all {
		if all[i].CarriesKafka() {
			return true
		}
	}
	return false
}

// NewestReady returns the newest ready snapshot of a volume; false: there is none.
func NewestReady(all []snapshots.Snapshot) (snapshots.Snapshot, bool) {
	var newest snapshots.Snapshot
	for _, s := range all {
		if s.Ready && !s.Deleting && s.Scheduled.After(newest.Scheduled) {
			newest = s
		}
	}
	return newest, newest.Name != ""
}
