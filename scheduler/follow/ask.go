package follow

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/kafka"
)

const (
	// askTimeout is the limit for all questions about the restores of a KafkaBackup.
	askTimeout = time.Minute

	// askEvery is the shortest time between the questions of a KafkaBackup. Answers
	// cause another reconciliation, and some that are not enough come at once.
	askEvery = 10 * time.Second
)

// question is what a report needs to know of Kafka.
type question struct {
	uid    types.UID // of the claim
	broker int32
	before *kafka.Record
	taken  *kafka.Record      // what the snapshot has
	then   *kafka.Observation // by which the broker is in sync
}

// answer is what Kafka said.
type answer struct {
	kafka.Restored
	partly error // why groups or transactions are not known
	failed error // why nothing is
}

// Answers holds what Kafka was asked about restores, for one term of leadership.
type Answers struct {
	Wake func(types.NamespacedName) // is called when answers are there; may be nil

	mu     sync.Mutex
	asking map[types.NamespacedName]bool
	asked  map[types.NamespacedName]time.Time
	of     map[types.NamespacedName]map[types.UID]answer // by KafkaBackup and claim, until they are taken

	beside func(func()) // runs beside the caller; nil: in a goroutine
}

// take returns the answer about a claim, once.
func (a *Answers) take(key types.NamespacedName, uid types.UID) (answer, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	found, ok := a.of[key][uid]
	delete(a.of[key], uid)
	return found, ok
}

// due reports whether questions of a KafkaBackup may be asked.
func (a *Answers) due(key types.NamespacedName, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	last, before := a.asked[key]
	since := now.Sub(last)
	return !a.asking[key] && (!before || since >= askEvery || since < 0) // the clock may go back
}

// Forget drops the answers of a KafkaBackup.
func (a *Answers) Forget(key types.NamespacedName) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.asked, key)
	delete(a.of, key)
}

// ask asks questions about restores of a KafkaBackup, beside its caller, unless
// some are being asked.
func (a *Answers) ask(k Kafka, key types.NamespacedName, all []question, now time.Time) {
	if len(all) == 0 || !a.start(key, now) {
		return
	}
	beside := a.beside
	if beside == nil {
		beside = func(do func()) { go do() }
	}
	beside(func() {
		answers := map[types.UID]answer{}
		err := k.Ask(key, func(c kafka.Cluster) error {
			ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
			defer cancel()
			return askAll(ctx, c, all, answers)
		})
		if err != nil {
			for _, q := range all {
				answers[q.uid] = answer{Restored: kafka.Restored{Broker: q.broker}, failed: err}
			}
		}
		a.end(key, answers)
	})
}

func (a *Answers) start(key types.NamespacedName, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.asking[key] {
		return false
	}
	if a.asking == nil {
		a.asking, a.asked, a.of = map[types.NamespacedName]bool{}, map[types.NamespacedName]time.Time{}, map[types.NamespacedName]map[types.UID]answer{}
	}
	a.asking[key], a.asked[key] = true, now
	return true
}

func (a *Answers) end(key types.NamespacedName, answers map[types.UID]answer) {
	a.mu.Lock()
	a.of[key] = answers
	delete(a.asking, key)
	a.mu.Unlock()
	if a.Wake != nil {
		a.Wake(key)
	}
}

// askAll asks for what all reports need. The state of the cluster comes last: a
// group that has read on meanwhile must not seem to stand beyond the end.
func askAll(ctx context.Context, c kafka.Cluster, all []question, answers map[types.UID]answer) error {
	committed, groupErr := c.Committed(ctx)
	if groupErr != nil {
		groupErr = fmt.Errorf("the offsets of groups: %w", groupErr)
	}
	for _, q := range all {
		a := answer{Restored: kafka.Restored{Broker: q.broker, Before: q.before, Taken: q.taken, Now: q.then, Committed: committed}}
		var err error
		if a.EpochEnds, err = c.EpochEnds(ctx, q.before.Epochs()); err != nil {
			return fmt.Errorf("where the leaders' epochs end: %w", err)
		}
		var openErr error
		if a.Open, openErr = c.OpenTransactions(ctx, a.Scope()); openErr != nil {
			openErr = fmt.Errorf("the open transactions: %w", openErr)
		}
		a.partly = errors.Join(groupErr, openErr)
		answers[q.uid] = a
	}
	o, err := c.Observe(ctx)
	if err != nil {
		return err
	}
	for uid, a := range answers {
		a.Now = o
		answers[uid] = a
	}
	return nil
}
