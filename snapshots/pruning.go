package snapshots

import (
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// PruneDelay is how long a snapshot is marked before it is deleted: a webhook
// whose cache did not know of the mark may have given it to a claim that was
// being created.
const PruneDelay = time.Minute

// Pruning is what is to be done now about the snapshots of a KafkaBackup.
type Pruning struct {
	Mark   []Snapshot    // let go by the retention just now
	Unmark []Snapshot    // marked, and to stay after all
	Delete []Snapshot    // marked for [PruneDelay]
	Next   time.Duration // until the next one can be deleted; 0: none is marked
}

// PlanPruning compares the marks on the snapshots with those that may go. The
// marks are all that is remembered: whoever leads goes on from them.
func PlanPruning(all, prunable []Snapshot, now time.Time) Pruning {
	goes := map[string]bool{}
	for _, s := range prunable {
		goes[s.Name] = true
	}
	var p Pruning
	for _, s := range all {
		if s.Deleting {
			continue
		}
		wait := PruneDelay
		switch since, valid := s.markedSince(now); {
		case !goes[s.Name]:
			if s.marked(v1alpha1.AnnotationPruning) {
				p.Unmark = append(p.Unmark, s)
			}
			continue
		case !valid:
			p.Mark = append(p.Mark, s)
		case now.Sub(since) >= PruneDelay:
			p.Delete = append(p.Delete, s)
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

// markedSince is when the snapshot was marked. A time that is none, or that is
// yet to come, is not valid: the minute is counted anew.
func (s Snapshot) markedSince(now time.Time) (since time.Time, valid bool) {
	since, err := time.Parse(time.RFC3339, s.Annotations[v1alpha1.AnnotationPruning])
	return since, err == nil && !since.After(now)
}
