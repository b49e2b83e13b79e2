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
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	default:
		w.Header().Set("Retry-After", "60")
		http.Error(w, "too many pages are open: close some", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	said := uint64(0)
	send := func(text string) bool {
		_ = out.SetWriteDeadline(time.Now().Add(writeTimeout)) // a recorder of a test has none
		_, err := fmt.Fprint(w, text)
		return err == nil && out.Flush() == nil
	}
	for send(": \n\n") {
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
