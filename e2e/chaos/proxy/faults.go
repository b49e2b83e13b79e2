package proxy

import (
	"slices"
	"sync"
	"time"
)

// Request is what a fault is told of a request.
type Request struct {
	Component string // whose it is: webhook-0, csi-provisioner, people, …
	Verb      string // of HTTP
	Path      string
	Watch     bool
}

// Effect is what happens to a request. The zero value lets it pass.
type Effect struct {
	Name   string        // for the record
	Delay  time.Duration // it is passed on later
	Status int           // it is answered with this status, and not passed on
	Cut    bool          // its connection ends instead
	Lose   bool          // it is passed on, and its connection ends instead of the answer
	Hang   bool          // nothing is answered until the fault ends; then its connection does
	Mute   bool          // of a watch: nothing comes through until the fault ends; then its connection ends
}

// Fault decides what happens to a request. It is asked at the start of each
// one, and whenever something comes on a watch.
type Fault func(Request) Effect

// Faults are those in force. The zero value has none.
type Faults struct {
	mu     sync.Mutex
	faults []*Fault
}

// Add puts a fault in force until it is removed.
func (f *Faults) Add(fault Fault) (remove func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(slices.Clone(f.faults), &fault)
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
