package ui

import (
	"crypto/rand"
	"sync"
	"time"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/change"
)

const (
	// undoWithin is how long a change can be taken back by the button beside its
	// message. Its command works at any time.
	undoWithin = 15 * time.Minute

	// maxFlashes is how many messages are kept; older ones are forgotten.
	maxFlashes = 100
)

// flash is the message of a change that was made.
type flash struct {
	ID   string
	Said string
	Undo *change.Asked // nil: it cannot be taken back

	at    time.Time
	shown bool
}

// flashes keeps the messages until they are shown, and the undos until they are used.
type flashes struct {
	mu  sync.Mutex
	all []*flash // the oldest first
}

// add keeps a message, and returns the random name that it is asked for by.
func (f *flashes) add(said string, undo *change.Asked, now time.Time) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, &flash{ID: rand.Text(), Said: said, Undo: undo, at: now})
	if len(f.all) > maxFlashes {
		f.all = f.all[len(f.all)-maxFlashes:]
	}
	return f.all[len(f.all)-1].ID
}

func (f *flashes) find(id string, now time.Time) *flash {
	for _, one := range f.all {
		if one.ID == id && now.Sub(one.at) < undoWithin {
			return one
		}
	}
	return nil
}

// show returns a message, the first time that it is asked for.
func (f *flashes) show(id string, now time.Time) *flash {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.find(id, now)
	if one == nil || one.shown {
		return nil
	}
	one.shown = true
	copied := *one
	return &copied
}

// undo returns the change that takes another one back, once.
func (f *flashes) undo(id string, now time.Time) *change.Asked {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.find(id, now)
	if one == nil {
		return nil
	}
	asked := one.Undo
	one.Undo = nil
	return asked
}
