package ui

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

const (
	// maxListeners is how many pages are told of changes at once.
	maxListeners = 20

	// heartbeat is how often something is sent, so that a page that has gone is noticed.
	heartbeat = 15 * time.Second

	// whenLost is when a page asks again whose connection was lost.
	whenLost = 3 * time.Second

	// askAgain is when a page that is not told of changes asks whether it can be by now.
	askAgain = time.Minute

	// writeTimeout is how long a page may take to receive an event.
	writeTimeout = 10 * time.Second
)

// events tells pages of the version of the inventory, as server-sent events.
type events struct {
	live  Source
	slots chan struct{}
}

func newEvents(live Source) *events {
	return &events{live: live, slots: make(chan struct{}, maxListeners)}
}

// ServeHTTP implements [http.Handler]. It ends with the request's context.
func (e *events) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	default: // a script does not see the status of a refusal, and would take it for no answer
		fmt.Fprintf(w, "retry: %d\nevent: crowded\ndata: %d\n\n", askAgain.Milliseconds(), maxListeners)
		return
	}
	out := http.NewResponseController(w)
	said := uint64(0)
	send := func(text string) bool {
		_ = out.SetWriteDeadline(time.Now().Add(writeTimeout)) // a recorder of a test has none
		_, err := fmt.Fprint(w, text)
		return err == nil && out.Flush() == nil
	}
	for send(fmt.Sprintf("retry: %d\n\n", whenLost.Milliseconds())) {
		for version := range e.changes(r.Context(), said) {
			said = version
			if !send(fmt.Sprintf("event: version\ndata: %d\n\n", version)) {
				return
			}
		}
		if r.Context().Err() != nil {
			return
		}
	}
}

// changes yields the versions after one, until the next heartbeat is due.
func (e *events) changes(ctx context.Context, after uint64) func(func(uint64) bool) {
	return func(yield func(uint64) bool) {
		ctx, cancel := context.WithTimeout(ctx, heartbeat)
		defer cancel()
		for {
			version, err := e.live.Wait(ctx, after)
			if err != nil || !yield(version) {
				return
			}
			after = version
		}
	}
}
