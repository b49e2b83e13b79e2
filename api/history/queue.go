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
// clusters have one.
func (r *Recorder) enqueue(e v1alpha1.HistoryEntry, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.queueOf(types.NamespacedName{Namespace: e.Namespace, Name: e.Cluster})
	if q == nil {
		r.lose(1)
		return
	}
	if same, repeatable := repeatOf(e); repeatable {
		for i := len(q.waiting) - 1; i >= 0; i-- {
			if other, ok := repeatOf(q.waiting[i]); ok && other == same && join(&q.waiting[i], e) {
				return
			}
		}
	}
	r.makeRoom(q)
	q.waiting = append(q.waiting, e)
	r.pending++
	if q.sending == nil { // else the outcome of that write says when the next one is due
		r.plan(q, e, now)
	}
}

// plan sets when a queue is written, in which an entry waits.
func (r *Recorder) plan(q *queue, e v1alpha1.HistoryEntry, now time.Time) {
	due := now.Add(r.gatherFor(e, now))
	if len(q.waiting) >= hurry {
		due = now
	}
	if q.due.IsZero() || due.Before(q.due) {
		q.due = due
	}
}

// gatherFor returns how long an entry waits for others that are written with it.
func (r *Recorder) gatherFor(e v1alpha1.HistoryEntry, now time.Time) time.Duration {
	if e.Kind == v1alpha1.HistoryPruned {
		return gatherPrunes
	}
	same, repeatable := repeatOf(e)
	if at, written := r.told[same]; repeatable && written && now.Sub(at) < joinWithin {
		return gatherRepeats
	}
	return gather
}

// makeRoom gives the oldest entry of a queue up if that is full, or of the longest one if
// all are together: a storm in one cluster must not cost the others theirs.
func (r *Recorder) makeRoom(q *queue) {
	full := q.len() >= maxWaiting
	if !full && r.pending < maxPending {
		return
	}
	if !full {
		for _, other := range r.queues {
			if other.len() > q.len() {
				q = other
			}
		}
	}
	if oldest, ok := q.shift(); ok {
		q.lost = q.lost.with(1, Seen(oldest))
		r.pending--
		r.lose(1)
	}
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
	if len(r.queues) >= maxQueues {
		for other, q := range r.queues {
			if len(q.waiting) == 0 && q.sending == nil {
				delete(r.queues, other)
			}
		}
	}
	if len(r.queues) >= maxQueues {
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
