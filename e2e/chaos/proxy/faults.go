package proxy

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Effect is what happens to a request. The zero value lets it pass.
type Effect struct {
	Name   string        // for the record
	Delay  time.Duration // it is passed on later
	Status int           // it is answered with this status, and not passed on, unless its answer is to be lost
	Cut    bool          // its connection ends instead
	Lose   bool          // it is passed on, and its connection ends instead of the answer, or the status is answered
	Hang   bool          // nothing is answered until the fault ends; then its connection does
	Mute   bool          // of a watch: nothing comes through until the fault ends; then its connection ends
	Expire bool          // of a watch: it ends; one that begins is told that the version it begins from is gone
}

// Fault decides what happens to a request. It is asked at the start of each
// one, whenever something comes on a watch or a link, and, of those that are open
// when it comes into force, whether they are cut.
type Fault func(Request) Effect

// Faults are those in force. The zero value has none.
type Faults struct {
	mu     sync.Mutex
	faults []*Fault
	open   []*open
}

// open is a watch, or a connection of a link, that has begun.
type open struct {
	Request
	cut context.CancelFunc
}

// begin tells of a watch or a connection, which a fault can cut until it is over.
func (f *Faults) begin(r Request, cut context.CancelFunc) (over func()) {
	r.Open = true
	o := &open{r, cut}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open = append(slices.Clone(f.open), o)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.open = slices.DeleteFunc(slices.Clone(f.open), func(other *open) bool { return other == o })
	}
}

// Add puts a fault in force until it is removed.
func (f *Faults) Add(fault Fault) (remove func()) {
	f.mu.Lock()
	f.faults = append(slices.Clone(f.faults), &fault)
	all := f.open
	f.mu.Unlock()
	for _, o := range all {
		if e := fault(o.Request); e.Cut || e.Expire {
			o.cut()
		}
	}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.faults = slices.DeleteFunc(slices.Clone(f.faults), func(other *Fault) bool { return other == &fault })
	}
}

// ask returns what the first fault does that does something.
func (f *Faults) ask(r Request) Effect {
	f.mu.Lock()
	faults := f.faults
	f.mu.Unlock()
	for _, fault := range faults {
		if e := (*fault)(r); e != (Effect{}) {
			return e
		}
	}
	return Effect{}
}
