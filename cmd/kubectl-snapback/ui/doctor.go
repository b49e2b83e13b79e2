package ui

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/ui/screen"
)

const (
	// findingsKept is how long findings are shown before the checks are made again.
	findingsKept = time.Minute

	// checksTimeout is the time limit of all checks.
	checksTimeout = 2 * time.Minute
)

// findings makes the checks of the installation, once at a time, and keeps what they
// have found for a while.
type findings struct {
	examine func(context.Context) ([]screen.Finding, error)
	now     func() time.Time
	runs    singleflight.Group

	mu    sync.Mutex
	found []screen.Finding
	at    time.Time // when; zero: never
}

// get returns the findings, and when they were made. Without any, or if they are to be
// new, it waits until the checks are made; several who wait share one run, which goes
// on if one of them goes away.
func (f *findings) get(ctx context.Context, fresh bool) ([]screen.Finding, time.Time, error) {
	f.mu.Lock()
	found, at := f.found, f.at
	f.mu.Unlock()
	if !fresh && !at.IsZero() && f.now().Sub(at).Abs() < findingsKept {
		return found, at, nil
	}
	done := f.runs.DoChan("", func() (any, error) { return nil, f.run(context.WithoutCancel(ctx)) })
	select {
	case <-ctx.Done():
		return nil, time.Time{}, context.Cause(ctx)
	case result := <-done:
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.found, f.at, result.Err
	}
}

// run makes the checks. A panic of one is an error, as it would end the plugin.
func (f *findings) run(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a mistake in a check: %v", p)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, checksTimeout)
	defer cancel()
	found, err := f.examine(ctx)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.found, f.at = found, f.now()
	return nil
}

// doctor answers with the page of the findings.
func (s *Server) doctor(w http.ResponseWriter, r *http.Request) {
	again := r.URL.Query().Has("again")
	found, at, err := s.findings.get(r.Context(), again)
	switch {
	case r.Context().Err() != nil:
		return
	case err != nil:
		s.fail(w, r, err)
	case again: // so that a reload does not make the checks once more
		http.Redirect(w, r, s.guard.At("/doctor"), http.StatusSeeOther)
	default:
		d := screen.NewDoctor(found, at, s.Namespace)
		v := s.view(r, d.Title())
		v.Command, v.Screen = d.Command(), d
		s.render(w, r, http.StatusOK, "doctor.html", v)
	}
}
