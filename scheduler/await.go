package scheduler

import (
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/snapshots"
)

// cutPatience is the longest time that a run waits until the brokers' snapshots
// are cut. Then it takes the quorum's snapshots.
const cutPatience = 2 * time.Minute

// patience is how long a run of the job may wait now. It is at most half the
// time to the next run, which must not find this one still under way.
func (j *jobs) patience(key types.NamespacedName) time.Duration {
	job := j.state(key)
	if job.uid == "" { // the job was removed in the meantime
		return 0
	}
	now := j.clock.Now()
	return min(cutPatience, job.schedule.Next(now).Sub(now)/2)
}

// awaitCuts waits until the snapshots are cut or gone. When the patience is
// over, it returns the sorted names of the snapshots that are still not cut.
func (r *Reconciler) awaitCuts(ctx context.Context, b snapshots.Backup, names []string, patience time.Duration) ([]string, error) {
	looked, stop := r.progress.wait(types.NamespacedName{Namespace: b.Namespace, Name: b.Name})
	defer stop()
	over := r.Clock.NewTimer(patience)
	defer over.Stop()
	seen := map[string]bool{}
	for {
		own, err := r.taken().own(b.Key())
		if err != nil {
			return nil, err
		}
		left := uncut(names, own.All, seen)
		if len(left) == 0 {
			return nil, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-over.Chan():
			slices.Sort(left)
			return left, nil
		case <-looked:
		}
	}
}

// progress connects the runs under way with the reconciler: each needs to know
// what the other is doing.
type progress struct {
	mu       sync.Mutex
	creating map[types.NamespacedName]int
	waiting  map[types.NamespacedName]chan struct{}
}

// create notes that a run of a KafkaBackup is creating snapshots. The note ends
// when the caller calls the returned function.
func (p *progress) create(key types.NamespacedName) (end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.creating == nil {
		p.creating = map[types.NamespacedName]int{}
	}
	p.creating[key]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.creating[key]--; p.creating[key] == 0 {
			delete(p.creating, key)
		}
	}
}

// isCreating reports whether a run of a KafkaBackup is creating snapshots.
func (p *progress) isCreating(key types.NamespacedName) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.creating[key] > 0
}

// wait returns a channel that gets a value each time the KafkaBackup was
// reconciled, until stop is called. Only one run of a KafkaBackup waits at a
// time.
func (p *progress) wait(key types.NamespacedName) (looked <-chan struct{}, stop func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting == nil {
		p.waiting = map[types.NamespacedName]chan struct{}{}
	}
	c := make(chan struct{}, 1)
	p.waiting[key] = c
	return c, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.waiting, key)
	}
}

// looked wakes the run of the KafkaBackup that waits, if there is one: its
// snapshots may have changed.
func (p *progress) looked(key types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case p.waiting[key] <- struct{}{}: // a nil channel blocks
	default:
	}
}
