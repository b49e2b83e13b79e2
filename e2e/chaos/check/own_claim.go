package check

import (
	"fmt"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/history"
)

// A snapshot is cut from the claim that it names, and not from a later one of that
// name, whose data it would take for that of the first.
var _ = register(Check{Name: "own-claim", Run: func(h *history.History) []Violation {
	var found []Violation
	for _, s := range h.Snapshots {
		from := h.ClaimOf(s.SourceUID)
		cut, ok := s.Cut()
		if from == nil || !ok {
			continue
		}
		if gone := from.Life[len(from.Life)-1]; gone.Object == nil && cut.After(gone.Time) {
			found = append(found, Violation{Namespace: s.Namespace, Volume: s.Volume.Key, Seq: s.Life[0].Seq,
				What: fmt.Sprintf("VolumeSnapshot %s of claim %s (%s) was cut at %s, after the claim was gone at %s", s.Name, from.Name, from.UID,
					cut.UTC().Format(time.TimeOnly), gone.Time.Format(time.TimeOnly))})
		}
	}
	return found
}})
