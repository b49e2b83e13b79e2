package history

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// queue holds what waits to be written to one ConfigMap, the oldest first.
type queue struct {
	waiting []v1alpha1.HistoryEntry
	sending *Batch // it is written now, or could not be written
	lost    *Gap
	due     time.Time // when to write
	since   time.Time // when sending was first tried
}

// enqueue puts an entry into the queue of its cluster, or counts it as lost if too many
// wait.
func (r *Recorder) enqueue(e v1alpha1.HistoryEntry, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := types.NamespacedName{Namespace: e.Namespace, Name: e.Cluster}
	q := r.queueOf(key)
	if q == nil {
		r.lose(1)
		return
	}
	same, repeatable := repeatOf(e)
	wait := gather
	if at, written := r.told[same]; repeatable && written && now.Sub(at) < joinWithin {
		wait = gatherRepeats
	}
	if due := now.Add(wait); q.due.IsZero() || due.Before(q.due) {
		q.due = due
	}
	if repeatable {
		for i := len(q.waiting) - 1; i >= 0; i-- {
			if other, ok := repeatOf(q.waiting[i]); ok && other == same && join(&q.waiting[i], e) {
				return
			}
		}
	}
	if r.pending >= maxPending && !r.makeRoom(q, e.Time.Time) {
		return
	}
	q.waiting = append(q.waiting, e)
	r.pending++
}

// makeRoom gives the oldest entry of the longest queue up: a storm in one cluster must not
// cost the others theirs. It reports false if that is the new one of q.
func (r *Recorder) makeRoom(q *queue, now time.Time) bool {
	longest := q
	for _, other := range r.queues {
		if other.len() > longest.len() {
			longest = other
		}
	}
	oldest, found := longest.shift()
	if !found {
		q.lost = q.lost.with(1, now)
	} else {
		longest.lost = longest.lost.with(1, Seen(oldest))
		r.pending--
	}
	r.lose(1)
	return found
}

func (q *queue) len() int {
	n := len(q.waiting)
	if q.sending != nil {
		n += len(q.sending.Entries)
	}
	return n
}

// shift takes the oldest entry out of a queue. It may be one that is written just now:
// then it counts as lost, although it is not.
func (q *queue) shift() (oldest v1alpha1.HistoryEntry, ok bool) {
	from := &q.waiting
	if q.sending != nil && len(q.sending.Entries) > 0 {
		from = &q.sending.Entries
	}
	if len(*from) == 0 {
		return oldest, false
	}
	oldest, *from = (*from)[0], (*from)[1:]
	return oldest, true
}

// queueOf returns the queue of a cluster; nil: there are too many.
func (r *Recorder) queueOf(key types.NamespacedName) *queue {
	if q := r.queues[key]; q != nil {
		return q
	}
	if r.queues == nil {
		r.queues, r.told = map[types.NamespacedName]*queue{}, map[repeat]time.Time{}
	}
	if len(r.queues) >= maxPending {
		for other, q := range r.queues {
			if len(q.waiting) == 0 && q.sending == nil {
				delete(r.queues, other)
			}
		}
	}
	if len(r.queues) >= maxPending {
		return nil
	}
	r.queues[key] = &queue{}
	return r.queues[key]
}

func (r *Recorder) lose(n int) {
	if r.Lost != nil {
		r.Lost(n)
	}
}
