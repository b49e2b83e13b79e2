package turns

import (
	"context"
	"time"

	"github.com/jonboulle/clockwork"
)

// Turn is the turn of a run, from when the run asks for it until it ends.
type Turn struct {
	of    *Turns
	clock clockwork.Clock
	run   Run
	since time.Time
	came  chan struct{} // closed when the turn has come

	waited bool

	// The fields below are guarded by the lock of the Turns.

	changed  bool // the KafkaBackup has changed while the run waited
	gone     bool // the KafkaBackup was deleted while the run had its turn
	over     bool // a snapshot had to wait until it was too late; the others are left out too
	promised int  // snapshots that the run has yet to create
	large    bool // the run has more than the storage takes at once
}

// Waited reports whether the run had to wait.
func (t *Turn) Waited() bool { return t.waited }

// Large reports whether the run has more snapshots than the storage takes at once.
// Then its snapshots are created as earlier ones are cut.
func (t *Turn) Large() bool { return t.large }

// Need says how many snapshots the run has yet to create.
func (t *Turn) Need(n int) {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	t.promised = n
	t.of.decide(t.clock.Now())
}

// Create waits until the run may create its next snapshot. A run that is not large
// does not wait. If the snapshot is not created, the caller must call Failed.
func (t *Turn) Create(ctx context.Context, name string) error {
	over := endless
	if !t.run.Ends.IsZero() && t.large {
		timer := t.clock.NewTimer(t.run.Ends.Sub(t.clock.Now()))
		defer timer.Stop()
		over = timer.Chan()
	}
	for {
		moved, err := t.create(name)
		if moved == nil {
			return err
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-over:
			return t.giveUp()
		}
	}
}

// giveUp notes that it is too late for the run's next snapshot, and returns that error.
func (t *Turn) giveUp() error {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	t.over = true
	return ErrOver
}

// ended returns why the run must not create its next snapshot; nil: it may.
func (t *Turn) ended() error {
	switch {
	case t.gone:
		return ErrGone
	case t.over:
		return ErrOver
	}
	return nil
}

// create notes that the snapshot is being created if there is room for it. If not, it
// returns a channel that is closed when there may be.
func (t *Turn) create(name string) (moved <-chan struct{}, err error) {
	all, now := t.of, t.clock.Now()
	all.mu.Lock()
	defer all.mu.Unlock()
	if err := t.ended(); err != nil {
		return nil, err
	}
	of := all.of(t.run.Backup)
	_, again := of[name]
	if t.large && !again && !roomForOne(all.loads(now), t.run.Class) {
		if all.moved == nil {
			all.moved = make(chan struct{})
		}
		return all.moved, nil
	}
	t.promised = max(t.promised-1, 0)
	if !again {
		of[name] = flight{class: t.run.Class, scheduled: t.run.Scheduled, created: now}
	}
	return nil, nil
}

// InTime returns a context that ends, too, when it is too late for the next snapshot of
// the run.
func (t *Turn) InTime(ctx context.Context) (context.Context, context.CancelFunc) {
	inTime, end := context.WithCancelCause(ctx)
	if t.run.Ends.IsZero() {
		return inTime, func() { end(nil) }
	}
	timer := t.clock.AfterFunc(t.run.Ends.Sub(t.clock.Now()), func() { end(t.giveUp()) })
	return inTime, func() {
		timer.Stop()
		end(nil)
	}
}

// Resume says that the creation of a snapshot begins only now, since it may have waited
// after Create. An error says that it must not be created any more.
func (t *Turn) Resume(name string) error {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	if err := t.ended(); err != nil {
		return err
	}
	of := t.of.of(t.run.Backup)
	if !of[name].seen { // the storage has nothing of it yet, however long it waited
		of[name] = flight{class: t.run.Class, scheduled: t.run.Scheduled, created: t.clock.Now()}
	}
	return nil
}

// Failed says that a snapshot was not created after all, or is cut already. maybe says
// that it may have been created: the answer was lost. Then it counts for a while,
// until it is seen.
func (t *Turn) Failed(name string, maybe bool) {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	of := t.of.flights[t.run.Backup]
	switch f, ok := of[name]; {
	case !ok || f.seen:
	case maybe:
		f.failing = true
		of[name] = f
	default:
		delete(of, name)
	}
	t.of.decide(t.clock.Now())
}

// End ends the turn. What the run has created stays under way.
func (t *Turn) End() {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	delete(t.of.turns, t)
	t.of.decide(t.clock.Now())
}
