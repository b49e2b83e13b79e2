// Package observe asks the Kafka clusters of KafkaBackups, once a minute and at
// each run, and decides what becomes of the answers.
//
// The [Observer] asks. The other files are pure.
package observe

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
)

const (
	// every is the shortest time between two observations, to which up to spread is
	// added: many clusters are not asked at once. The next look starts one that is
	// due, so that there is about one a minute.
	every  = 45 * time.Second
	spread = 15 * time.Second

	// soon is the shortest time between two observations while somebody waits for a
	// restored broker.
	soon = 12 * time.Second

	// parallel is how many clusters are asked at once: so many that answered the last
	// time within slow, and so many others. Those that never answer cannot hold up
	// those that do.
	parallel = 4
	slow     = 10 * time.Second

	// timeout is the limit for one observation.
	timeout = 30 * time.Second

	// connectedFor is how long connections are used. Then the Secrets are read
	// again: one that is gone should be noticed while there is time.
	connectedFor = 10 * time.Minute

	// fresh is the age up to which a run takes the last observation in place of its
	// own.
	fresh = 2 * time.Minute
)

// Connect returns a client of the Kafka cluster of a KafkaBackup.
type Connect func(context.Context, *v1alpha1.KafkaBackup) (kafka.Cluster, error)

// Observer asks the Kafka clusters of KafkaBackups, for one term of leadership.
type Observer struct {
	Clock   clockwork.Clock
	Connect Connect

	// Done is called after each observation that [Observer.Keep] has started.
	Done func(context.Context, types.NamespacedName)

	mu     sync.Mutex
	of     map[types.NamespacedName]*asked
	slots  map[bool]chan struct{} // by whether the cluster answers well
	closed bool
}

// asked is a KafkaBackup whose cluster is asked.
type asked struct {
	kb   *v1alpha1.KafkaBackup // as it was when its spec last changed
	turn chan struct{}         // held by the one that asks
	ctx  context.Context       // of the observations that nobody waits for; done when the entry is not used any more
	stop context.CancelFunc

	// These are guarded by turn.
	cluster   kafka.Cluster // nil: not connected
	connected time.Time

	// These are guarded by the observer's lock.
	ended time.Time // of the newest observation
	due   time.Time
	well  bool // the newest one was answered in time
	busy  bool // an observation is under way
	last  *kafka.Observation
	err   error // why the newest observation failed
	tried bool
}

// State is what is known about the Kafka cluster of a KafkaBackup.
type State struct {
	Last  *kafka.Observation // the last one that succeeded; nil: none did
	Err   error              // why the newest one failed; nil: it did not
	Tried bool               // whether any has ended
}

// Keep observes the cluster of a KafkaBackup if that is due; in a hurry it is due
// sooner, unless Kafka did not answer well. It does not wait. It forgets a
// KafkaBackup without spec.kafka.
func (o *Observer) Keep(ctx context.Context, kb *v1alpha1.KafkaBackup, hurry bool) {
	key := client.ObjectKeyFromObject(kb)
	if kb.Spec.Kafka == nil || o.Connect == nil {
		o.Forget(key)
		return
	}
	a := o.entry(ctx, kb)
	o.mu.Lock()
	defer o.mu.Unlock()
	due := a.due
	if hurry && a.well {
		due = a.ended.Add(soon)
	}
	if a.busy || o.Clock.Now().Before(due) || a.ctx.Err() != nil {
		return
	}
	a.busy = true
	go func() {
		if o.observe(a) {
			o.Done(a.ctx, key)
		}
	}()
}

// entry returns the entry of a KafkaBackup. A changed spec gets a new one, with new
// connections.
func (o *Observer) entry(ctx context.Context, kb *v1alpha1.KafkaBackup) *asked {
	key := client.ObjectKeyFromObject(kb)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.of == nil {
		o.of, o.slots = map[types.NamespacedName]*asked{}, map[bool]chan struct{}{true: make(chan struct{}, parallel), false: make(chan struct{}, parallel)}
	}
	old := o.of[key]
	if old != nil && old.kb.UID == kb.UID && old.kb.Spec.ClusterRef == kb.Spec.ClusterRef && equality.Semantic.DeepEqual(old.kb.Spec.Kafka, kb.Spec.Kafka) {
		return old
	}
	a := &asked{kb: kb.DeepCopy(), turn: make(chan struct{}, 1), well: meta.IsStatusConditionTrue(kb.Status.Conditions, v1alpha1.ConditionKafkaObserved)}
	a.ctx, a.stop = context.WithCancel(context.WithoutCancel(ctx))
	if old != nil {
		old.end()
	}
	if o.closed {
		a.stop()
	} else {
		o.of[key] = a
	}
	return a
}

// Forget closes the connections of a KafkaBackup that is gone, or asks for no
// observation any more.
func (o *Observer) Forget(key types.NamespacedName) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if a := o.of[key]; a != nil {
		delete(o.of, key)
		a.end()
	}
}

// Close forgets all KafkaBackups, at the end of a term. None is asked any more.
func (o *Observer) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	for key, a := range o.of {
		delete(o.of, key)
		a.end()
	}
}

// end closes the connections of an entry that is not used any more, as soon as
// nobody asks with them.
func (a *asked) end() {
	a.stop()
	go func() {
		a.turn <- struct{}{}
		a.disconnect()
		<-a.turn
	}()
}

func (a *asked) disconnect() {
	if a.cluster != nil {
		a.cluster.Close()
		a.cluster = nil
	}
}

// State returns what is known about the cluster of a KafkaBackup.
func (o *Observer) State(key types.NamespacedName) State {
	o.mu.Lock()
	defer o.mu.Unlock()
	a := o.of[key]
	if a == nil {
		return State{}
	}
	return State{Last: a.last, Err: a.err, Tried: a.tried}
}

// observe asks once there is a free slot. It reports whether somebody still wants
// the answer.
func (o *Observer) observe(a *asked) bool {
	o.mu.Lock()
	slots := o.slots[a.well]
	o.mu.Unlock()
	select {
	case <-a.ctx.Done():
		return false
	case slots <- struct{}{}:
		defer func() { <-slots }()
	}
	ctx, cancel := context.WithTimeout(a.ctx, timeout)
	defer cancel()
	began := o.Clock.Now()
	seen, err := o.ask(ctx, a)
	o.note(a, seen, err)
	o.mu.Lock()
	defer o.mu.Unlock()
	a.busy, a.well = false, err == nil && o.Clock.Now().Sub(began) < slow
	return a.ctx.Err() == nil
}

// note stores the outcome of an observation.
func (o *Observer) note(a *asked, seen *kafka.Observation, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	a.tried, a.err = true, err
	a.ended = o.Clock.Now()
	a.due = a.ended.Add(every + rand.N(spread)) //nolint:gosec // no secret
	if err == nil {
		a.last = seen
	}
}

// ask asks the cluster in its turn.
func (o *Observer) ask(ctx context.Context, a *asked) (*kafka.Observation, error) {
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("another observation has not ended: %w", context.Cause(ctx))
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	}
	if a.ctx.Err() != nil { // its connections are closed, or about to be
		return nil, fmt.Errorf("the KafkaBackup is gone, or its spec has changed: %w", a.ctx.Err())
	}
	return o.askInTurn(ctx, a)
}

// askInTurn connects, if need be, and asks. After an error it connects anew the
// next time: a Secret may have changed.
func (o *Observer) askInTurn(ctx context.Context, a *asked) (*kafka.Observation, error) {
	now := o.Clock.Now()
	if now.Sub(a.connected) >= connectedFor {
		a.disconnect()
	}
	if a.cluster == nil {
		cluster, err := o.Connect(ctx, a.kb)
		if err != nil {
			return nil, err
		}
		a.cluster, a.connected = cluster, now
	}
	seen, err := a.cluster.Observe(ctx)
	if err != nil {
		a.disconnect()
		return nil, err
	}
	return seen, nil
}

// ForRun returns an observation for a run that begins now: a fresh one; if there is
// none before the context is done, the last one unless it is too old; nil: none.
// The error says why it is not a fresh one.
func (o *Observer) ForRun(ctx context.Context, kb *v1alpha1.KafkaBackup) (*kafka.Observation, error) {
	if kb.Spec.Kafka == nil || o.Connect == nil {
		return nil, nil
	}
	a := o.entry(ctx, kb)
	type answer struct {
		seen *kafka.Observation
		err  error
	}
	answered := make(chan answer, 1)
	go func() { // a client that does not heed the context must not hold up the run
		seen, err := o.ask(ctx, a)
		if err == nil { // a failure within so short a time says little
			o.note(a, seen, nil)
		}
		answered <- answer{seen, err}
	}()
	var got answer
	select {
	case got = <-answered:
	case <-ctx.Done():
		got.err = fmt.Errorf("ask Kafka at the run: %w", context.Cause(ctx))
	}
	if got.err == nil {
		return got.seen, nil
	}
	last := o.State(client.ObjectKeyFromObject(kb)).Last
	if last == nil || o.Clock.Now().Sub(last.At) >= fresh {
		return nil, got.err
	}
	return last, got.err
}
