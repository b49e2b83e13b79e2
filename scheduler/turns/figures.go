package turns

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Figure is the state of one class.
type Figure struct {
	UnderWay int // snapshots that were created and are not cut
	Limit    int // how many there may be now
	Waiting  int // runs
}

// Figures returns the state of each class.
func (t *Turns) Figures(now time.Time) map[string]Figure {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := map[string]Figure{}
	for name, l := range t.loads(now) {
		of[name] = Figure{UnderWay: l.underWay, Limit: l.limit}
	}
	for _, turn := range t.waiting {
		f := of[turn.run.Class]
		f.Waiting++
		of[turn.run.Class] = f
	}
	return of
}

// Waiting returns the run of a KafkaBackup that waits for its turn, since when, and how
// many snapshots of its class may be under way at once.
func (t *Turns) Waiting(backup types.NamespacedName) (run Run, since time.Time, bound int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, turn := range t.waiting {
		if turn.run.Backup == backup {
			if c := t.classes[turn.run.Class]; c != nil {
				bound = c.bound
			}
			return turn.run, turn.since, bound, true
		}
	}
	return Run{}, time.Time{}, 0, false
}
