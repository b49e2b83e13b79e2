package turns

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jonboulle/clockwork"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// queue is a storage with one class and the runs that want to use it.
type queue struct {
	*testing.T
	clock *clockwork.FakeClock
	turns *Turns
	ended map[string]*outcome
}

type outcome struct {
	turn *Turn
	err  error
}

func newQueue(t *testing.T, bound int) *queue {
	q := &queue{T: t, clock: clockwork.NewFakeClockAt(noon), turns: &Turns{}, ended: map[string]*outcome{}}
	q.class("class", bound)
	return q
}

func (q *queue) class(name string, bound int) {
	q.turns.SetClass(name, "driver", map[string]string{v1alpha1.AnnotationMaxInFlight: fmt.Sprint(bound)}, q.clock.Now())
}

func key(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: "kafka", Name: name}
}

func (q *queue) run(name string, size int) Run {
	return Run{Backup: key(name), Version: "1", Class: "class", Scheduled: noon, Size: size, Until: noon.Add(30 * time.Minute), Ends: noon.Add(time.Hour)}
}

// ask lets a run ask for its turn, and waits until it has it or waits.
func (q *queue) ask(run Run) {
	q.askIn(q.Context(), run)
}

func (q *queue) askIn(ctx context.Context, run Run) {
	o := &outcome{}
	q.ended[run.Backup.Name] = o
	go func() { o.turn, o.err = q.turns.Wait(ctx, q.clock, run) }()
	synctest.Wait()
}

func (q *queue) has(names ...string) {
	q.Helper()
	synctest.Wait()
	want := map[string]bool{}
	for _, name := range names {
		want[name] = true
	}
	for name, o := range q.ended {
		if got := o.turn != nil; got != want[name] {
			q.Errorf("%s has its turn: %v, want %v (%v)", name, got, want[name], o.err)
		}
	}
}

// create creates all snapshots of a run whose turn it is.
func (q *queue) create(name string, n int) {
	q.Helper()
	for i := range n {
		if err := q.ended[name].turn.Create(q.Context(), fmt.Sprint(name, i)); err != nil {
			q.Fatal(err)
		}
	}
}

// see shows the first of a run's snapshots cut, and the others not.
func (q *queue) see(name string, all, cut int, failure string) {
	own := make([]snapshots.Snapshot, all)
	for i := range own {
		own[i] = snapshots.Snapshot{Name: fmt.Sprint(name, i), Class: "class", Scheduled: noon, Created: q.clock.Now()}
		if i < cut {
			own[i].Cut = q.clock.Now()
		} else {
			own[i].Failure = failure
		}
	}
	q.turns.Saw(Seen{key(name), own}, q.clock.Now())
	synctest.Wait()
}

func inBubble(t *testing.T, f func(*testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

func TestWholeClustersInTurn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t, 5)
		q.ask(q.run("a", 3))
		q.ask(q.run("b", 3))
		q.ask(q.run("c", 1))
		q.has("a") // c would fit, but b is before it
		q.create("a", 3)
		q.ended["a"].turn.End()
		q.has("a")
		q.see("a", 3, 0, "")
		q.has("a")
		q.see("a", 3, 1, "")
		q.has("a", "b")
		q.see("a", 3, 3, "")
		q.has("a", "b", "c")
	})
}

func TestThoseThatWereDueFirstComeFirst(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t, 1)
		q.ask(q.run("first", 1))
		q.ask(q.run("c", 1))
		late := q.run("b", 1)
		late.Last = noon.Add(-time.Hour) // it had a run then, c never
		q.ask(late)
		early := q.run("d", 1)
		early.Scheduled = noon.Add(-time.Minute)
		q.ask(early)
		q.has("first")
		had := []string{"first"}
		for _, next := range []string{"d", "c", "b"} {
			q.ended[had[len(had)-1]].turn.End() // without having created anything
			had = append(had, next)
			q.has(had...)
		}
	})
}

func TestLargeClusterIsCreatedInAWindow(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t, 2)
		q.ask(q.run("small", 1))
		q.create("small", 1)
		q.ended["small"].turn.End()
		q.ask(q.run("large", 5))
		q.ask(q.run("tiny", 1))
		q.has("small") // small ones do not overtake it for ever
		q.see("small", 1, 1, "")
		q.has("small", "large")
		large, made := q.ended["large"].turn, 0
		if !large.Large() {
			t.Fatal("a run of 5 is larger than 2")
		}
		go func() {
			for i := range 5 {
				if err := large.Create(t.Context(), fmt.Sprint("large", i)); err != nil {
					t.Error(err)
				}
				made++
			}
		}()
		for cut := range 4 {
			synctest.Wait()
			if made != cut+2 {
				t.Errorf("%d cut, %d made", cut, made)
			}
			q.has("small", "large")
			q.see("large", made, cut+1, "")
		}
		large.End()
		q.has("small", "large", "tiny")
	})
}

func TestStuckSnapshotsHoldTheirPlaceForAWhile(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t, 2)
		q.ask(q.run("stuck", 2))
		q.create("stuck", 2)
		q.ended["stuck"].turn.End()
		q.ask(q.run("next", 2))
		q.clock.Advance(holdsFor - time.Second)
		q.turns.Saw(Seen{Backup: key("another")}, q.clock.Now())
		q.has("stuck")
		q.clock.Advance(time.Second)
		q.turns.Saw(Seen{Backup: key("another")}, q.clock.Now())
		q.has("stuck", "next")
	})
}

func TestFailingSnapshotsHoldTheirPlaceShorter(t *testing.T) {
	for failure, want := range map[string]bool{"no space": true, "RequestLimitExceeded": false} {
		inBubble(t, func(t *testing.T) {
			q := newQueue(t, 2)
			q.ask(q.run("failing", 2))
			q.create("failing", 2)
			q.ended["failing"].turn.End()
			q.ask(q.run("next", 1))
			q.see("failing", 2, 0, failure)
			q.has("failing")
			q.clock.Advance(failsFor)
			q.turns.Saw(Seen{Backup: key("another")}, q.clock.Now())
			synctest.Wait()
			if got := q.ended["next"].turn != nil; got != want {
				t.Errorf("%q: the next one has its turn after a minute: %v", failure, got)
			}
			q.clock.Advance(time.Hour)
		})
	}
}

func TestCacheThatIsBehind(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t, 2)
		q.ask(q.run("a", 2))
		q.create("a", 2)
		q.ended["a"].turn.End()
		q.ask(q.run("b", 1))
		q.see("a", 0, 0, "") // they were created, and the cache has none of them yet
		q.has("a")
		q.see("a", 2, 0, "")
		q.see("a", 1, 0, "") // one was deleted
		q.has("a", "b")
	})
}

func TestFailedCreateLeavesItsPlace(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t, 2)
		q.ask(q.run("a", 2))
		q.create("a", 2)
		q.ended["a"].turn.End()
		q.ask(q.run("b", 1))
		q.has("a")
		q.ended["a"].turn.Failed("a1", true)
		q.has("a")
		q.ended["a"].turn.Failed("a1", false)
		q.has("a", "b")
	})
}

func TestNewLeaderBeginsWithWhatIsUnderWay(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t, 3)
		at := func(name string, age time.Duration) snapshots.Snapshot {
			return snapshots.Snapshot{Name: name, Class: "class", Scheduled: noon, Created: noon.Add(-age)}
		}
		q.turns.Begin([]Seen{{key("a"), []snapshots.Snapshot{at("a0", 0), at("a1", time.Minute), at("old", holdsFor)}}}, noon)
		q.ask(q.run("b", 2))
		q.has()
		q.ask(q.run("a", 3)) // it finishes its own run, which comes first
		q.has("a")
		q.see("a", 2, 2, "")
		q.ended["a"].turn.End()
		q.has("a", "b")
	})
}

func TestGivingUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t, 1)
		q.ask(q.run("first", 1))
		ctx, cancel := context.WithCancelCause(t.Context())
		q.askIn(ctx, q.run("cancelled", 1))
		q.ask(q.run("changed", 1))
		q.ask(q.run("over", 1))
		q.ask(q.run("waits", 1))
		dead := errors.New("the term has ended")
		cancel(dead)
		q.turns.Changed(key("changed"), "1")
		q.turns.Changed(key("waits"), "1")
		synctest.Wait()
		if q.ended["changed"].err != nil {
			t.Error("the same version counts as a change")
		}
		q.turns.Changed(key("changed"), "2")
		synctest.Wait()
		if o := q.ended["cancelled"]; !errors.Is(o.err, dead) {
			t.Errorf("cancelled: %v", o.err)
		}
		if o := q.ended["changed"]; !errors.Is(o.err, ErrChanged) {
			t.Errorf("changed: %v", o.err)
		}
		if _, since, bound, ok := q.turns.Waiting(key("waits")); !ok || !since.Equal(noon) || bound != 1 {
			t.Errorf("it waits since %s under a bound of %d: %v", since, bound, ok)
		}
		if got := q.turns.Figures(noon)["class"]; got.Waiting != 2 || got.Limit != 1 {
			t.Errorf("figures: %+v", got)
		}
		q.clock.Advance(time.Hour)
		synctest.Wait()
		if o := q.ended["over"]; !errors.Is(o.err, ErrOver) {
			t.Errorf("over: %v", o.err)
		}
		q.ended["first"].turn.End()
		q.has("first")
		if len(q.turns.waiting) != 0 || len(q.turns.turns) != 0 {
			t.Errorf("left: %d waiting, %d turns", len(q.turns.waiting), len(q.turns.turns))
		}
	})
}

func TestLargeRunThatIsOver(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t, 1)
		q.ask(q.run("large", 3))
		turn := q.ended["large"].turn
		if err := turn.Create(t.Context(), "large0"); err != nil {
			t.Fatal(err)
		}
		got := make(chan error)
		go func() { got <- turn.Create(t.Context(), "large1") }()
		synctest.Wait()
		q.clock.Advance(30 * time.Minute) // too late to begin; but it has begun
		synctest.Wait()
		select {
		case err := <-got:
			t.Fatalf("a run that has begun was cut short: %v", err)
		default:
		}
		q.clock.Advance(30 * time.Minute)
		if err := <-got; !errors.Is(err, ErrOver) {
			t.Errorf("after its time: %v", err)
		}
		q.see("large", 1, 1, "")
		if err := turn.Create(t.Context(), "large2"); !errors.Is(err, ErrOver) {
			t.Errorf("the one after it, though there is room: %v", err)
		}
	})
}

func TestThrottlingSlowsAClassDown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t, 8)
		q.ask(q.run("a", 4))
		q.create("a", 4)
		q.ended["a"].turn.End()
		q.clock.Advance(time.Second)
		q.see("a", 4, 0, "ThrottlingException: Rate exceeded")
		q.ask(q.run("b", 4)) // it would fit without throttling
		q.has("a")
		q.clock.Advance(30 * time.Second)
		q.see("a", 4, 4, "")
		q.has("a", "b")
		if got := q.turns.Figures(q.clock.Now())["class"]; got.Limit != 4 {
			t.Errorf("figures: %+v", got)
		}
		q.class("class", 2)
		if got := q.turns.Figures(q.clock.Now())["class"]; got.Limit != 2 {
			t.Errorf("after the bound was lowered: %+v", got)
		}
	})
}

func TestClassesAreIndependent(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t, 2)
		q.class("other", 4)
		q.ask(q.run("a", 2))
		q.create("a", 2)
		q.ask(q.run("b", 2))
		other := q.run("c", 2)
		other.Class = "other"
		q.ask(other)
		q.has("a", "c")
		q.turns.SetClass("class", "driver", map[string]string{v1alpha1.AnnotationMaxInFlight: "lots"}, noon)
		if err := q.turns.Mistake("class"); err == nil {
			t.Error("a wrong value is not said")
		}
		q.has("a", "b", "c") // the default is in force
	})
}

// TestDriverIsNotOvertaken has a run that waits for the driver: a later, smaller one
// of another class must not take the room that becomes free.
func TestDriverIsNotOvertaken(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t, 4)
		q.class("other", 4)
		in := func(class, name string, size int) Run {
			run := q.run(name, size)
			run.Class = class
			return run
		}
		q.ask(in("other", "a", 3))
		q.ask(in("class", "b", 3))
		q.ask(in("other", "c", 1))
		q.has("a")
		q.ended["a"].turn.End()
		q.has("a", "b", "c")
	})
}

// TestOwnSnapshotsCountOnce finishes a run of which two are under way: it needs room
// for one more, not for three.
func TestOwnSnapshotsCountOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t, 4)
		own := []snapshots.Snapshot{{Name: "a0", Class: "class", Scheduled: noon, Created: noon}, {Name: "a1", Class: "class", Scheduled: noon, Created: noon}}
		q.turns.Begin([]Seen{{key("a"), own}}, noon)
		q.ask(q.run("a", 3))
		q.ask(q.run("b", 1))
		q.has("a", "b")
	})
}

// TestLeaderWhoseClockIsBehind finds snapshots that were created at a time that has not
// come by its clock.
func TestLeaderWhoseClockIsBehind(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t, 100)
		throttled := []snapshots.Snapshot{{Name: "a0", Class: "class", Scheduled: noon, Created: noon.Add(time.Hour), Failure: "Rate exceeded"}}
		q.turns.Begin([]Seen{{key("a"), throttled}}, noon)
		for range 5 {
			q.turns.Saw(Seen{key("a"), throttled}, q.clock.Now())
		}
		if got := q.turns.Figures(q.clock.Now())["class"]; got.Limit != 50 || got.UnderWay != 1 {
			t.Errorf("one throttled snapshot halves the limit more than once: %+v", got)
		}
		q.clock.Advance(holdsFor)
		if got := q.turns.Figures(q.clock.Now())["class"]; got.UnderWay != 0 {
			t.Errorf("it holds its place for too long: %+v", got)
		}
	})
}

// TestNamespacesTakeTurns has one namespace with many runs that were due first. Another
// one must not wait until all of them are made.
func TestNamespacesTakeTurns(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t, 1)
		of := func(namespace, name string, late time.Duration) Run {
			run := q.run(name, 1)
			run.Backup.Namespace, run.Scheduled = namespace, noon.Add(late)
			return run
		}
		for _, name := range []string{"a0", "a1", "a2", "a3"} {
			q.ask(of("many", name, 0))
		}
		q.ask(of("few", "b0", time.Minute))
		q.ask(of("few", "b1", 2*time.Minute))
		begun := of("few", "b2", 3*time.Minute)
		begun.Begun = true
		q.ask(begun) // its first snapshots are there: the others should not be much later
		had := []string{"a0"}
		for _, next := range []string{"b2", "a1", "b0", "a2", "b1", "a3"} {
			q.has(had...)
			q.ended[had[len(had)-1]].turn.End()
			had = append(had, next)
		}
		q.has(had...)
		if len(q.turns.served) != 0 {
			t.Errorf("nothing waits, and it is remembered who had a turn: %v", q.turns.served)
		}
	})
}

// TestHungSnapshotsKeepNobodyFromTheNextRun has a cluster as large as the limit, with a
// volume whose snapshot of the run before is never cut. The run skips it.
func TestHungSnapshotsKeepNobodyFromTheNextRun(t *testing.T) {
	for _, unfinished := range []int{0, 1, 5} {
		inBubble(t, func(t *testing.T) {
			q := newQueue(t, 3)
			hung := []snapshots.Snapshot{{Name: "hung", Class: "class", Scheduled: noon.Add(-time.Minute), Created: noon}}
			q.turns.Begin([]Seen{{key("a"), hung}}, noon)
			run := q.run("a", 3)
			run.Unfinished = unfinished
			q.ask(run)
			q.ask(q.run("b", 1))
			if unfinished == 0 {
				q.has()
				q.clock.Advance(time.Hour)
				return
			}
			q.has("a") // and not b: if the hung one is cut in this moment, a takes a snapshot of its volume, too
			q.ended["a"].turn.Need(2)
			q.has("a")
			q.turns.Saw(Seen{Backup: key("a")}, noon)
			q.has("a", "b")
		})
	}
}

// TestDeletedInTheMiddle deletes the KafkaBackup of a large run: nobody would ever prune
// what it creates from then on.
func TestDeletedInTheMiddle(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t, 1)
		q.ask(q.run("large", 3))
		turn := q.ended["large"].turn
		if err := turn.Create(t.Context(), "large0"); err != nil {
			t.Fatal(err)
		}
		got := make(chan error, 1)
		go func() { got <- turn.Create(t.Context(), "large1") }()
		synctest.Wait()
		q.turns.Changed(key("large"), "2") // a run that has begun is finished
		q.turns.Changed(key("another"), "")
		synctest.Wait()
		select {
		case err := <-got:
			t.Fatalf("it ended: %v", err)
		default:
		}
		q.turns.Changed(key("large"), "")
		if err := <-got; !errors.Is(err, ErrGone) {
			t.Errorf("after its KafkaBackup was deleted: %v", err)
		}
		q.see("large", 1, 1, "")
		if err := turn.Create(t.Context(), "large2"); !errors.Is(err, ErrGone) {
			t.Errorf("though there is room: %v", err)
		}
	})
}

// TestCreateThatWaited has creates wait for another reason than the storage, longer than
// a snapshot holds its place.
func TestCreateThatWaited(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := newQueue(t, 1)
		q.ask(q.run("a", 1))
		q.create("a", 1)
		q.clock.Advance(holdsFor - time.Minute)
		if err := q.ended["a"].turn.Resume("a0"); err != nil {
			t.Fatal(err)
		}
		q.ended["a"].turn.End()
		q.ask(q.run("b", 1))
		q.clock.Advance(holdsFor - time.Minute)
		q.turns.Saw(Seen{Backup: key("c")}, q.clock.Now())
		q.has("a")
		q.see("a", 1, 0, "")
		if err := q.ended["a"].turn.Resume("a0"); err != nil { // it is made again: the storage has had it since then
			t.Fatal(err)
		}
		q.clock.Advance(time.Minute)
		q.turns.Saw(Seen{Backup: key("c")}, q.clock.Now())
		q.has("a", "b")
		inTime, end := q.ended["b"].turn.InTime(t.Context())
		defer end()
		q.clock.Advance(time.Hour)
		if <-inTime.Done(); !errors.Is(context.Cause(inTime), ErrOver) {
			t.Errorf("the context ends with %v", context.Cause(inTime))
		}
		for _, err := range []error{q.ended["b"].turn.Create(t.Context(), "b0"), q.ended["b"].turn.Resume("b0")} {
			if !errors.Is(err, ErrOver) {
				t.Errorf("another snapshot of that run, as of the quorum: %v", err)
			}
		}
	})
}
