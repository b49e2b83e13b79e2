package main

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"
)

// draining is on from the moment that the process is told to end.
type draining struct{ on atomic.Bool }

// drainer returns a context that is done some time after the one given: until
// then the webhook answers, so that no apiserver is refused that has not heard
// yet that the replica goes.
func drainer(ctx context.Context, patience time.Duration) (context.Context, *draining) {
	d := &draining{}
	later, cancel := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		d.on.Store(true)
		log.Log.Info("shutting down: not ready any more, still answering", "for", patience)
		time.AfterFunc(patience, cancel)
	})
	return later, d
}

// check is a readiness check: it fails once the process is to end.
func (d *draining) check(*http.Request) error {
	if d.on.Load() {
		return errors.New("the process is about to end")
	}
	return nil
}

// handler has apiservers leave their connections, which are kept for long, for
// those to other replicas: with HTTP/2 the header is a GOAWAY.
func (d *draining) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.on.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
