package check

import (
	"fmt"

	"github.com/snapback-dev/snapback/e2e/chaos/history"
)

// One run makes at most one snapshot of a volume.
var _ = register(Check{Name: "one-a-run", Run: func(h *history.History) []Violation {
	var found []Violation
	type run struct{ volume, backup, run string }
	first := map[run]*history.Snapshot{}
	for _, s := range h.Snapshots {
		if _, cut := s.Cut(); !cut || s.Run() == "" || s.Volume.Key == "" {
			continue
		}
		of := run{s.Volume.Key, s.Backup(), s.Run()}
		if other := first[of]; other != nil {
			found = append(found, Violation{Namespace: s.Namespace, Volume: s.Volume.Key, Seq: s.Life[0].Seq,
				What: fmt.Sprintf("run %s of KafkaBackup %s has made %s (%s) and %s (%s)", s.Run(), s.Backup(), other.Name, other.UID, s.Name, s.UID)})
			continue
		}
		first[of] = s
	}
	return found
}})
