// Package turns says when a run may create its snapshots. The storage takes only so
// many at once; what is due beyond that waits, so that whole clusters are
// snapshotted one after another instead of all of them slowly and mixed. It belongs
// to one term of leadership, and counts the runs of all KafkaBackups.
package turns

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/snapshots"
)

var (
	// ErrOver is the error of a run whose time was over before its turn came.
	ErrOver = errors.New("the time of the run was over before its turn came")

	// ErrChanged is the error of a run whose KafkaBackup has changed while it waited.
	ErrChanged = errors.New("the KafkaBackup has changed")

	// ErrGone is the error of a run whose KafkaBackup was deleted while it created its
	// snapshots.
	ErrGone = errors.New("the KafkaBackup was deleted")
)

// Run is a run that asks for its turn.
type Run struct {
	Backup     types.NamespacedName
	Version    string // of the KafkaBackup, see [Turns.Changed]
	Class      string
	Scheduled  time.Time
	Last       time.Time // scheduled time of the KafkaBackup's run before; zero: none
	Begun      bool      // some of its snapshots may be there already
	Size       int       // number of snapshots, or more
	Unfinished int       // how many of these it leaves out unless the one of an earlier run is finished
	Until      time.Time // when it is too late to begin; zero: never
	Ends       time.Time // when it is too late for its next snapshot; zero: never
}

// before orders the runs of a namespace: those that were due first come first. Of those
// that were due at the same time the one comes first whose KafkaBackup has waited longest
// for a run, so that none is always the last.
func (r Run) before(other Run) int {
	return cmp.Or(r.Scheduled.Compare(other.Scheduled), r.Last.Compare(other.Last),
		strings.Compare(r.Backup.Namespace, other.Backup.Namespace), strings.Compare(r.Backup.Name, other.Backup.Name))
}

// share is what a namespace uses of a class.
type share struct{ class, namespace string }

func (r Run) share() share { return share{r.Class, r.Backup.Namespace} }

// class is a VolumeSnapshotClass.
type class struct {
	driver  string
	bound   int
	mistake error // in its annotation
	pace    pace
}

// Turns holds the runs that wait, and what is under way. Its zero value is ready for
// use.
type Turns struct {
	mu      sync.Mutex
	classes map[string]*class
	flights map[types.NamespacedName]flights // by KafkaBackup
	turns   map[*Turn]bool                   // of the runs whose turn it is
	waiting []*Turn                          // in the order of [Run.before]
	served  map[share]int                    // when a namespace last had a turn, as a number that grows; of those since something waits
	turn    int                              // the last one of these numbers
	moved   chan struct{}                    // closed when something was cut or given up
}

// SetClass notes what a VolumeSnapshotClass allows.
func (t *Turns) SetClass(name, driver string, annotations map[string]string, now time.Time) {
	bound, mistake := snapshots.MaxInFlight(annotations)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.classes == nil {
		t.classes = map[string]*class{}
	}
	c := t.classes[name]
	if c == nil {
		c = &class{}
		t.classes[name] = c
	}
	if c.driver == driver && c.bound == bound {
		c.mistake = mistake
		return
	}
	c.driver, c.bound, c.mistake = driver, bound, mistake
	t.decide(now)
}

// Mistake returns what is wrong with the annotation of a class.
func (t *Turns) Mistake(name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.classes[name]; c != nil {
		return c.mistake
	}
	return nil
}

// Begin adds what a former leader has left under way.
func (t *Turns) Begin(left []Seen, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, of := range left {
		t.of(of.Backup).saw(of.Own, false, now)
	}
	t.decide(now)
}

// Saw takes note of all snapshots of a KafkaBackup.
func (t *Turns) Saw(seen Seen, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.of(seen.Backup).saw(seen.Own, true, now)
	if len(t.flights[seen.Backup]) == 0 {
		delete(t.flights, seen.Backup)
	}
	t.decide(now)
}

func (t *Turns) of(backup types.NamespacedName) flights {
	if t.flights == nil {
		t.flights = map[types.NamespacedName]flights{}
	}
	if t.flights[backup] == nil {
		t.flights[backup] = flights{}
	}
	return t.flights[backup]
}

// Changed makes the run of a KafkaBackup stop waiting if it asked for its turn with
// another version. The empty version says that the KafkaBackup was deleted: then its
// run creates no more snapshots, since nobody would ever prune them.
func (t *Turns) Changed(backup types.NamespacedName, version string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, turn := range t.waiting {
		if turn.run.Backup == backup && turn.run.Version != version && !turn.changed {
			turn.changed = true
			close(turn.came)
		}
	}
	for turn := range t.turns {
		if turn.run.Backup == backup && version == "" {
			turn.gone = true
			t.wake()
		}
	}
}

// wake makes the runs look again that wait for room for their next snapshot.
func (t *Turns) wake() {
	if t.moved != nil {
		close(t.moved)
		t.moved = nil
	}
}

// Wait waits for the turn of a run. The caller must end each turn.
func (t *Turns) Wait(ctx context.Context, clock clockwork.Clock, run Run) (*Turn, error) {
	turn := &Turn{of: t, clock: clock, run: run, since: clock.Now(), came: make(chan struct{})}
	t.join(turn)
	over := endless
	if !run.Until.IsZero() {
		timer := clock.NewTimer(run.Until.Sub(turn.since))
		defer timer.Stop()
		over = timer.Chan()
	}
	var err error
	select {
	case <-turn.came:
	default:
		turn.waited = true
		select {
		case <-turn.came:
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-over:
			err = ErrOver
		}
	}
	if !t.leaveQueue(turn) { // its turn has come, though it may be in the same moment as the error
		return turn, nil
	}
	if err == nil {
		err = ErrChanged
	}
	return nil, err
}

var endless <-chan time.Time

// join puts a turn into the queue.
func (t *Turns) join(turn *Turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i, _ := slices.BinarySearchFunc(t.waiting, turn, func(a, b *Turn) int { return a.run.before(b.run) })
	t.waiting = slices.Insert(t.waiting, i, turn)
	t.decide(turn.since)
}

// leaveQueue takes a turn out of the queue, and reports whether it was there.
func (t *Turns) leaveQueue(turn *Turn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.waiting, turn)
	if i < 0 {
		return false
	}
	t.waiting = slices.Delete(t.waiting, i, i+1)
	t.decide(turn.clock.Now()) // it may have been in the way of others
	return true
}

// decide gives their turn to the runs for which there is room. A run that waits for
// its class is in the way of later ones of that class; one that waits for the
// driver, of all later ones of the driver: otherwise small ones could keep a large one
// from its turn for ever.
func (t *Turns) decide(now time.Time) {
	loads := t.loads(now)
	t.wake()
	fullClass, fullDriver := map[string]bool{}, map[string]bool{}
	for {
		turn := t.first(func(class string) bool { return fullClass[class] || fullDriver[loads[class].driver] })
		if turn == nil {
			break
		}
		name := turn.run.Class
		l := loads[name]
		made, earlier := t.ownUnderWay(turn.run, now)
		own := made + min(earlier, turn.run.Unfinished)
		size := max(turn.run.Size-own, 0)
		switch roomFor(loads, name, size, own) {
		case classFull:
			fullClass[name] = true
			continue
		case driverFull:
			fullDriver[l.driver] = true
			continue
		}
		turn.promised, turn.large = max(turn.run.Size-made, 0), size+own > l.limit
		l.promised += turn.promised
		loads[name] = l
		t.admit(turn)
	}
	if len(t.waiting) == 0 {
		clear(t.served)
	}
}

// first returns the waiting run that comes first, of the classes that are not full; nil:
// there is none. Runs that were begun come before others. Then the namespaces come in
// turn, since each belongs to other people: however many runs one has, it is not
// served again before the others.
func (t *Turns) first(full func(class string) bool) *Turn {
	var first *Turn
	for _, turn := range t.waiting {
		switch {
		case turn.changed || full(turn.run.Class) || first != nil && first.run.Begun && !turn.run.Begun:
		case first == nil || turn.run.Begun && !first.run.Begun || t.served[turn.run.share()] < t.served[first.run.share()]:
			first = turn
		}
	}
	return first
}

// admit gives a waiting run its turn.
func (t *Turns) admit(turn *Turn) {
	if t.turns == nil {
		t.turns, t.served = map[*Turn]bool{}, map[share]int{}
	}
	t.turn++
	t.turns[turn], t.served[turn.run.share()] = true, t.turn
	i := slices.Index(t.waiting, turn)
	t.waiting = slices.Delete(t.waiting, i, i+1)
	close(turn.came)
}

// ownUnderWay counts the snapshots that a run has made before, since it is made again
// or finished after another leader, and those of earlier runs of its KafkaBackup.
func (t *Turns) ownUnderWay(run Run, now time.Time) (made, earlier int) {
	for _, f := range t.flights[run.Backup] {
		switch {
		case f.class != run.Class || !f.underWay(now):
		case f.scheduled.Equal(run.Scheduled):
			made++
		default:
			earlier++
		}
	}
	return made, earlier
}
