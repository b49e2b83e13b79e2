package scheduler

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// holdUp is how long a look may hold up a worker. Most take milliseconds.
const holdUp = 2 * time.Second

// aside lets looks that take long go on without their workers. However many hang, they
// hold up no other KafkaBackup.
type aside struct {
	mu   sync.Mutex
	busy map[types.NamespacedName]bool
	all  sync.WaitGroup
}

// do looks at a KafkaBackup, and returns the outcome. After [holdUp] it returns without
// one: the KafkaBackup is looked at again when this look has ended. One KafkaBackup never
// has two looks at a time.
func (a *aside) do(ctx context.Context, key types.NamespacedName, look func() (reconcile.Result, error)) (reconcile.Result, error) {
	type outcome struct {
		result reconcile.Result
		err    error
	}
	if !a.begin(key) {
		return reconcile.Result{RequeueAfter: holdUp}, nil
	}
	begun, ended := time.Now(), make(chan outcome, 1)
	a.all.Go(func() {
		result, err := guarded(look)
		a.end(key) // first: the controller may ask for the next look as soon as it has the outcome
		ended <- outcome{result, err}
		if err != nil && time.Since(begun) > holdUp {
			log.FromContext(ctx).Error(err, "a look that took long has failed; trying again")
		}
	})
	over := time.NewTimer(holdUp)
	defer over.Stop()
	select {
	case o := <-ended:
		return o.result, o.err
	case <-over.C:
		return reconcile.Result{RequeueAfter: holdUp}, nil
	}
}

// guarded returns a panic as an error, as the controller does for its own goroutines.
func guarded(look func() (reconcile.Result, error)) (result reconcile.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return look()
}

// begin notes that a KafkaBackup is looked at; false: it already is.
func (a *aside) begin(key types.NamespacedName) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.busy[key] {
		return false
	}
	if a.busy == nil {
		a.busy = map[types.NamespacedName]bool{}
	}
	a.busy[key] = true
	return true
}

func (a *aside) end(key types.NamespacedName) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.busy, key)
}
