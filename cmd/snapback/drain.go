package main

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"
)

// draining is a flag that is set when the process is told to end.
type draining struct{ on atomic.Bool }

// drainer returns a context that is done a while after the given one. The
// webhook answers until then, because some apiservers do not know yet that
// this replica is going away.
func drainer(ctx context.Context, period time.Duration) (context.Context, *draining) {
	d := &draining{}
	later, cancel := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		d.on.Store(true)
		log.Log.Info("shutting down: no longer ready, but still answering", "for", period)
		time.AfterFunc(period, cancel)
	})
	return later, d
}

// check is a readiness check that fails once the process is told to end.
func (d *draining) check(*http.Request) error {
	if d.on.Load() {
		return errors.New("the process is about to end")
	}
	return nil
}

// handler asks apiservers to close their long-lived connections, so that they
// connect to another replica. With HTTP/2 the header becomes a GOAWAY.
func (d *draining) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.on.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
