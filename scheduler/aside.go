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
	rest map[types.NamespacedName]time.Time // until when no look begins, of those that took long
	all  sync.WaitGroup
}

// do looks at a KafkaBackup, and returns the outcome. After [holdUp] it returns without
// one: the KafkaBackup is looked at again when this look has ended, and as much time again
// has passed. One KafkaBackup never has two looks at a time.
func (a *aside) do(ctx context.Context, key types.NamespacedName, look func() (reconcile.Result, error)) (reconcile.Result, error) {
	type outcome struct {
		result reconcile.Result
		err    error
	}
	if wait := a.begin(key); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	begun, ended := time.Now(), make(chan outcome, 1)
	a.all.Go(func() {
		result, err := guarded(look)
		a.end(key, begun) // first: the controller may ask for the next look as soon as it has the outcome
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

// begin notes that a KafkaBackup is looked at, and returns 0; else after what time to ask
// again.
func (a *aside) begin(key types.NamespacedName) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.busy[key] {
		return holdUp
	}
	if left := time.Until(a.rest[key]); left > 0 {
		return left
	}
	delete(a.rest, key)
	if a.busy == nil {
		a.busy, a.rest = map[types.NamespacedName]bool{}, map[types.NamespacedName]time.Time{}
	}
	a.busy[key] = true
	return 0
}

// end notes that the look that begun then has ended. The next one waits if it took long:
// where the apiserver is slow, looks that follow each other would make it slower, and the
// error of a look that went on aside makes no controller wait.
func (a *aside) end(key types.NamespacedName, begun time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.busy, key)
	if took := time.Since(begun); took >= holdUp {
		a.rest[key] = time.Now().Add(min(took, resync))
	}
}
