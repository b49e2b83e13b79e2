package main

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/webhook"
)

// warmer is a Runnable that fills the webhook's caches once the apiserver answers.
type warmer struct {
	cache cache.Cache
	begun atomic.Bool
}

// Start implements manager.Runnable.
func (w *warmer) Start(ctx context.Context) error {
	err := wait.PollUntilContextCancel(ctx, 2*time.Second, true, func(ctx context.Context) (bool, error) {
		err := webhook.Warm(ctx, w.cache)
		if err != nil {
			log.FromContext(ctx).Error(err, "cannot fill the caches yet, will try again")
		}
		return err == nil, nil
	})
	if err != nil {
		return nil //nolint:nilerr // the context is done: the process stops
	}
	w.begun.Store(true)
	return nil
}

// check reports whether the caches have been filled once.
func (w *warmer) check(req *http.Request) error {
	if !w.begun.Load() {
		return errors.New("the apiserver has not yet said which kinds it knows")
	}
	return synced(w.cache)(req)
}

// synced returns a check that passes once all caches in use have been filled.
func synced(c cache.Cache) healthz.Checker {
	return func(req *http.Request) error {
		ctx, cancel := context.WithTimeout(req.Context(), 100*time.Millisecond)
		defer cancel()
		if !c.WaitForCacheSync(ctx) {
			return errors.New("the caches are not filled yet")
		}
		return nil
	}
}
