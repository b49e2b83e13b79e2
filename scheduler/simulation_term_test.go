package scheduler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/watched"
)

// tenure is one process of the scheduler while it leads: what [Scheduler.lead]
// sets up, with the model's API and workers of its own.
type tenure struct {
	world  *world
	r      *Reconciler
	cache  *lagging
	ctx    context.Context
	cancel context.CancelFunc
	began  time.Time

	mu      sync.Mutex
	dead    bool
	pending []*call
	queue   map[types.NamespacedName]bool
	working map[types.NamespacedName]bool
	looks   map[types.NamespacedName]look
	tasks   int
}

// look is the last time that a KafkaBackup was looked at.
type look struct {
	again time.Time
	err   error
}

func (w *world) startTerm() {
	t := &tenure{world: w, cache: &lagging{objects: objects{}, of: &w.store}, queue: map[types.NamespacedName]bool{}, working: map[types.NamespacedName]bool{}, looks: map[types.NamespacedName]look{}}
	t.cache.objects = maps.Clone(w.store.objects)
	t.cache.pos = len(w.store.log)
	t.began = w.clock.Now()
	t.ctx, t.cancel = context.WithCancel(context.Background())
	var cached client.Client = &api{world: w, term: t, cached: true}
	if w.options.wrap != nil {
		cached = w.options.wrap(t, cached)
	}
	t.r = &Reconciler{
		Client: cached, APIReader: &api{world: w, term: t}, Mapper: w.mapper, Recorder: recorder{w},
		creates: creates{bound: w.options.creates}, Clock: w.clock, wake: make(chan event.GenericEvent), watched: t.watch(),
	}
	jobs, err := newJobs(w.clock, func(a attempt) { t.r.fire(t.task("fire "+a.key.Name), a) })
	if err != nil {
		panic(err)
	}
	t.r.jobs = jobs
	go func() {
		for {
			select {
			case e := <-t.r.wake:
				t.enqueue(client.ObjectKeyFromObject(e.Object))
			case <-t.ctx.Done():
				return
			}
		}
	}()
	for _, kb := range allOf[*v1alpha1.KafkaBackup](t.cache.objects) {
		t.enqueue(client.ObjectKeyFromObject(kb))
	}
	w.term = t
	w.did("a scheduler leads")
}

// watch returns what knows the snapshots, as late as the cache knows the other objects.
func (t *tenure) watch() *watched.Snapshots {
	see := func(o client.Object) *snapshotv1.VolumeSnapshot {
		vs := o.(*snapshotv1.VolumeSnapshot)
		if t.world.options.see != nil {
			vs = vs.DeepCopy()
			t.world.options.see(vs)
		}
		return vs
	}
	ours := func(o client.Object) bool { return o.GetLabels()[v1alpha1.LabelManagedBy] == v1alpha1.ManagedBy }
	var all []*snapshotv1.VolumeSnapshot
	for _, o := range t.cache.all(kindSnapshot) {
		if ours(o) {
			all = append(all, see(o))
		}
	}
	w := watched.NewStaticSnapshots(snapshots.Snapshot.Watched, all...)
	t.cache.saw = func(r ref, o client.Object) {
		var err error
		switch {
		case r.kind != kindSnapshot:
		case o == nil || !ours(o):
			err = w.Delete(&snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: r.name.Namespace, Name: r.name.Name}})
		default:
			err = w.Update(see(o))
		}
		if err != nil {
			panic(err)
		}
	}
	return w
}

// task is the context of one run or reconciliation.
func (t *tenure) task(name string) context.Context {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tasks++
	if strings.HasPrefix(name, "fire") { // several at once, in no order
		return context.WithValue(t.ctx, taskKey{}, name)
	}
	return context.WithValue(t.ctx, taskKey{}, fmt.Sprint(name, t.tasks))
}

func (t *tenure) enqueue(key types.NamespacedName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queue[key] = true
}

func (t *tenure) enter(c *call) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dead {
		return false
	}
	t.pending = append(t.pending, c)
	return true
}

// work starts the next reconciliation, if there is one of a KafkaBackup that no
// worker reconciles.
func (t *tenure) work() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	waiting := slices.DeleteFunc(slices.Collect(maps.Keys(t.queue)), func(key types.NamespacedName) bool { return t.working[key] })
	if len(waiting) == 0 {
		return false
	}
	key := slices.MinFunc(waiting, compareNames)
	delete(t.queue, key)
	t.working[key] = true
	t.tasks++
	ctx := context.WithValue(t.ctx, taskKey{}, fmt.Sprintf("reconcile %s %d", key.Name, t.tasks))
	go func() {
		result, err := t.r.Reconcile(ctx, reconcile.Request{NamespacedName: key})
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.working, key)
		t.looks[key] = look{err: err}
		now := t.world.clock.Now()
		switch {
		case err != nil:
			t.looks[key] = look{now.Add(5 * time.Second), err}
		case result.RequeueAfter > 0:
			t.looks[key] = look{again: now.Add(result.RequeueAfter)}
		}
	}()
	return true
}

// resync enqueues the KafkaBackups that are due for a resync.
func (t *tenure) resync() {
	now := t.world.clock.Now()
	for key, l := range t.looks {
		if !l.again.IsZero() && !now.Before(l.again) {
			t.enqueue(key)
		}
	}
}

// observe shows the cache n more writes, and those that it must have seen by now.
func (t *tenure) observe(n int) {
	before := t.cache.pos
	t.cache.advance(n, t.world.clock.Now().Add(-maxLag))
	if t.cache.pos == before {
		return
	}
	for _, kb := range allOf[*v1alpha1.KafkaBackup](t.cache.objects) {
		t.enqueue(client.ObjectKeyFromObject(kb))
	}
	for key := range t.looks {
		t.enqueue(key) // it may be gone
	}
}

// nextRun is the time of the next run, or of the next try after an error, end at
// the latest.
func (t *tenure) nextRun(end time.Time) time.Time {
	for _, l := range t.looks {
		if l.err != nil && l.again.Before(end) && l.again.After(t.world.clock.Now()) {
			end = l.again
		}
	}
	j := t.r.jobs
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, job := range j.byKey {
		if job.next.IsZero() {
			continue
		}
		if next := job.schedule.Next(t.world.clock.Now()); next.Before(end) {
			end = next
		}
	}
	return end
}

// next waits until all goroutines wait for an answer, and returns the call that
// is let through next.
func (t *tenure) next() *call {
	synctest.Wait()
	for t.work() {
		synctest.Wait()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending) == 0 {
		return nil
	}
	slices.SortStableFunc(t.pending, func(a, b *call) int { return strings.Compare(a.name, b.name) })
	i := t.world.rng.IntN(len(t.pending))
	c := t.pending[i]
	t.pending = slices.Delete(t.pending, i, i+1)
	return c
}

// stop kills the process. Some of its requests may still be on their way.
func (t *tenure) stop(why string, current ...*call) {
	w := t.world
	t.mu.Lock()
	t.dead = true
	pending := append(t.pending, current...)
	t.pending = nil
	t.mu.Unlock()
	t.cancel()
	for _, c := range pending {
		if !c.reader && w.rng.IntN(3) == 0 {
			w.onTheirWay = append(w.onTheirWay, c)
		}
		c.done <- errDead
	}
	synctest.Wait()
	if err := t.r.jobs.gocron.Shutdown(); err != nil {
		panic(err)
	}
	synctest.Wait()
	w.term = nil
	w.disturbed()
	w.did("the scheduler ends: %s, %d requests on their way", why, len(w.onTheirWay))
}

// untilRest answers the calls of the scheduler until it rests or dies, or until
// the step ends in the middle of its work.
func (w *world) untilRest() {
	for w.term != nil && w.violation == nil {
		t := w.term
		synctest.Wait() // for the goroutine that got the last answer
		if w.rng.IntN(3) == 0 {
			t.observe(w.rng.IntN(t.cache.behind() + 1))
		}
		c := t.next()
		if c == nil {
			w.resting = true
			return
		}
		if w.rng.IntN(4000) == 0 && !w.options.calm {
			t.stop("crash before "+c.name, c)
			return
		}
		err := w.answer(c)
		if w.options.actions != nil {
			w.did("%s: %v", c.name, err)
		}
		if w.rng.IntN(4000) == 0 && !w.options.calm {
			answered := c.name
			c.do = func() error { return nil } // its answer is lost
			t.stop("crash after "+answered, c)
			return
		}
		c.done <- err
		if w.rng.IntN(1000) == 0 && !w.options.calm {
			synctest.Wait() // until it asks for the next thing: the clock is about to go on
			w.did("left in the middle of %s", c.name)
			w.resting = false
			w.disturbed()
			return
		}
	}
}

var errInjected = apierrors.NewInternalError(errors.New("injected"))

// answer executes a call, or fails it, or both.
func (w *world) answer(c *call) error {
	snapshotCreate := c.verb == "create" && c.ref.kind == kindSnapshot
	if snapshotCreate && w.quota {
		w.refused[runOfSnapshot(c.obj)] = true
		return apierrors.NewForbidden(c.ref.resource(), c.ref.name.Name, errors.New("exceeded quota"))
	}
	rate := 3000
	if w.trouble {
		rate = 12
	}
	if snapshotCreate {
		rate = min(rate, 300)
	}
	if w.options.calm || w.rng.IntN(rate) != 0 {
		return c.do()
	}
	if snapshotCreate {
		w.refused[runOfSnapshot(c.obj)] = true
	} else {
		w.disturbed()
	}
	switch w.rng.IntN(3) {
	case 0:
		err := c.do()
		w.did("fails though done: %s (%v)", c.name, err)
	case 1:
		if !c.reader {
			return apierrors.NewConflict(c.ref.resource(), c.ref.name.Name, errors.New("injected"))
		}
	}
	w.did("fails: %s", c.name)
	return errInjected
}
