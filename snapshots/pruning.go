package snapshots

import (
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// PruneDelay is how long a snapshot is marked before it is deleted. A webhook
// whose cache did not have the mark yet may have given the snapshot to a claim.
const PruneDelay = time.Minute

// Pruning is the work to do now on the snapshots of a KafkaBackup.
type Pruning struct {
	Mark   []Snapshot    // the retention no longer keeps them
	Unmark []Snapshot    // marked, but kept after all
	Delete []Snapshot    // marked for [PruneDelay]
	Next   time.Duration // until the next one can be deleted; 0: none is marked
}

// PlanPruning returns the work that follows from the marks on the snapshots and
// the snapshots that may go. The marks are the only state: a new leader continues
// from them, after a while.
func PlanPruning(all, prunable []Snapshot, now time.Time) Pruning {
	goes := map[string]bool{}
	for _, s := range prunable {
		goes[s.Name] = true
	}
	var p Pruning
	for i := range all {
		s := &all[i]
		if s.Deleting || len(goes) == 0 && s.plain {
			continue
		}
		wait := PruneDelay
		switch since, valid := s.markedSince(now); {
		case !goes[s.Name]:
			if s.marked(v1alpha1.AnnotationPruning) {
				p.Unmark = append(p.Unmark, *s)
			}
			continue
		case !valid:
			p.Mark = append(p.Mark, *s)
		case now.Sub(since) >= PruneDelay:
			p.Delete = append(p.Delete, *s)
			continue
		default:
			wait = since.Add(PruneDelay).Sub(now)
		}
		if p.Next == 0 || wait < p.Next {
			p.Next = wait
		}
	}
	return p
}

// markedSince returns when the snapshot was marked. A mark without a time, or with
// a time in the future, is not valid: the minute then starts again.
func (s *Snapshot) markedSince(now time.Time) (since time.Time, valid bool) {
	since, err := time.Parse(time.RFC3339, s.Annotations[v1alpha1.AnnotationPruning])
	return since, err == nil && !since.After(now)
}
