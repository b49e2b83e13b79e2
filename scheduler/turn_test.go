package scheduler

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jonboulle/clockwork"
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	snapbackapi "github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/scheduler/turns"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestThousandDueAtOnce has 1,000 KafkaBackups due at one moment, whose runs do not
// end: each begins all the same, and asks for its turn.
func TestThousandDueAtOnce(t *testing.T) {
	const n, size, bound = 1000, 10, 100
	synctest.Test(t, func(t *testing.T) {
		clock := clockwork.NewFakeClockAt(ten)
		var all turns.Turns
		all.SetClass("class", "driver", map[string]string{v1alpha1.AnnotationMaxInFlight: fmt.Sprint(bound)}, ten)
		var mu sync.Mutex
		began, admitted := map[types.NamespacedName]time.Time{}, 0
		j, err := newJobs(clock, func(a attempt) {
			mu.Lock()
			began[a.key] = clock.Now()
			mu.Unlock()
			turn, err := all.Wait(t.Context(), clock, turns.Run{Backup: a.key, Class: "class", Scheduled: a.scheduled, Size: size, Until: a.scheduled.Add(time.Hour)})
			if err == nil {
				mu.Lock()
				admitted++
				mu.Unlock()
				for i := range size {
					if err := turn.Create(t.Context(), fmt.Sprint(a.key.Name, i)); err != nil {
						t.Error(err)
					}
				}
				turn.End()
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			kb := snapshotstest.NewBackup(fmt.Sprintf("b%04d", i), "kafka", "class").Schedule("@hourly").Obj()
			kb.UID, kb.CreationTimestamp = types.UID(kb.Name), metav1.Time{Time: ten}
			times, err := snapshots.Times(kb)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := j.ensure(kb, jobSpec{schedule: times}); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		clock.Advance(time.Hour)
		synctest.Wait()
		mu.Lock()
		if len(began) != n || admitted != bound/size {
			t.Errorf("%d runs have begun and %d have their turn, %d and %d expected", len(began), admitted, n, bound/size)
		}
		mu.Unlock()
		if got := all.Figures(clock.Now())["class"]; got.UnderWay != bound || got.Waiting != n-bound/size {
			t.Errorf("figures: %+v", got)
		}
		clock.Advance(time.Hour) // the others are given up
		synctest.Wait()
		if err := j.gocron.Shutdown(); err != nil {
			t.Error(err)
		}
	})
}

// TestTurnThatNeverCame waits until the next run is due: that one is made in its
// place, and the other counts as missed.
func TestTurnThatNeverCame(t *testing.T) {
	s := newTerm(t, "@hourly")
	s.at(0)
	s.at(time.Hour)
	a := s.runs(time.Hour)
	if got, end := s.jobs.tooLate(a); !got.Equal(ten.Add(2*time.Hour)) || !end.Equal(got) {
		t.Errorf("it waits until %s, and ends at %s", got, end)
	}
	s.spec.deadline = seconds(300)
	s.at(time.Hour)
	got, end := s.jobs.tooLate(a)
	if !end.Equal(ten.Add(2 * time.Hour)) {
		t.Errorf("a run that has begun within its deadline must end at %s", end)
	}
	if got.Before(ten.Add(time.Hour+5*time.Minute)) || got.After(ten.Add(time.Hour+5*time.Minute+time.Second)) {
		t.Errorf("with a deadline it waits until %s", got)
	}
	job := s.jobs.find(a.key)
	job.instead = a.scheduled // it replaces one that was begun
	if got, _ := s.jobs.tooLate(a); !got.Equal(ten.Add(2 * time.Hour)) {
		t.Errorf("in the place of a run that was begun it waits until %s", got)
	}
	job.instead = time.Time{}
	s.spec.deadline = nil
	s.clock.Advance(time.Hour)
	s.jobs.end(a, nil, fmt.Errorf("the run: %w", turns.ErrOver))
	ready := func() metav1.Condition {
		return checkRuns(metav1.Condition{Status: metav1.ConditionTrue}, s.kb, s.jobs.state(a.key), s.clock.Now())
	}
	if late := s.at(2 * time.Hour); late.count != 1 {
		t.Errorf("one missed run expected: %+v", late)
	}
	if c := ready(); c.Status != metav1.ConditionFalse || c.Reason != "TurnMissed" || !strings.Contains(c.Message, "The run of 2026-03-01T11:00:00Z was not made") {
		t.Errorf("while the next run waits: %+v", c)
	}
	s.kb.Spec.Suspend = true
	if c := ready(); c.Status != metav1.ConditionTrue {
		t.Errorf("nobody waits for a run of a suspended KafkaBackup: %+v", c)
	}
	s.kb.Spec.Suspend = false
	s.done(s.runs(2 * time.Hour))
	if c := ready(); c.Status != metav1.ConditionTrue {
		t.Errorf("after a run was made: %+v", c)
	}
	s.missed(1)
	s.idle()
}

func TestReadySaysWhatTheStorageKeeps(t *testing.T) {
	kb := snapshotstest.NewBackup("b", "kafka", "class").Obj()
	clock := clockwork.NewFakeClockAt(ten)
	r := &Reconciler{Clock: clock}
	good := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonScheduled}
	if c := r.checkTurns(good, kb); c != good {
		t.Errorf("nothing waits: %+v", c)
	}
	r.turns.SetClass("class", "driver", map[string]string{v1alpha1.AnnotationMaxInFlight: "few"}, ten)
	if c := r.checkTurns(good, kb); c.Status != metav1.ConditionFalse || c.Reason != "InvalidAnnotation" || !strings.Contains(c.Message, "VolumeSnapshotClass class") {
		t.Errorf("a wrong annotation: %+v", c)
	}
	r.turns.SetClass("class", "driver", map[string]string{v1alpha1.AnnotationMaxInFlight: "1"}, ten)
	own := []snapshots.Snapshot{{Name: "other", Class: "class", Created: ten}}
	r.turns.Begin([]turns.Seen{{Backup: types.NamespacedName{Name: "other"}, Own: own}}, ten)
	synctest.Test(t, func(t *testing.T) {
		clock := clockwork.NewFakeClockAt(ten)
		r.Clock = clock
		go func() {
			_, _ = r.turns.Wait(t.Context(), clock, turns.Run{Backup: types.NamespacedName{Namespace: kb.Namespace, Name: kb.Name}, Class: "class", Scheduled: ten, Size: 1})
		}()
		synctest.Wait()
		if c := r.checkTurns(good, kb); c != good {
			t.Errorf("it waits for a moment only: %+v", c)
		}
		clock.Advance(waitNoticed)
		c := r.checkTurns(good, kb)
		if c.Status != metav1.ConditionTrue || c.Reason != "WaitingForTurn" || !strings.Contains(c.Message, "takes 1 of VolumeSnapshotClass class") {
			t.Errorf("it waits: %+v", c)
		}
		clock.Advance(time.Minute)
		if again := r.checkTurns(good, kb); again != c {
			t.Errorf("the text changes while its cause stays:\n%s\n%s", c.Message, again.Message)
		}
		r.turns.Changed(types.NamespacedName{Namespace: kb.Namespace, Name: kb.Name}, "another")
	})
}

func TestReadySaysThrottling(t *testing.T) {
	kb := snapshotstest.NewBackup("b", "kafka", "class").Obj()
	seen := view{claims: make([]claims.Claim, 1)}
	seen.own = []snapshots.Snapshot{{Name: "a", Failure: "RequestLimitExceeded"}}
	c := readiness(kb, seen, job{}, nil)
	if c.Status != metav1.ConditionFalse || c.Reason != "Throttled" {
		t.Errorf("throttled: %+v", c)
	}
	for _, says := range []string{"VolumeSnapshotClass class", "max-in-flight", "spec.jitter", "RequestLimitExceeded"} {
		if !strings.Contains(c.Message, says) {
			t.Errorf("%q is not in %q", says, c.Message)
		}
	}
	seen.own = append(seen.own, snapshots.Snapshot{Name: "b", Failure: "no space"})
	if c := readiness(kb, seen, job{}, nil); c.Reason != "SnapshotFailed" {
		t.Errorf("another failure comes first: %+v", c)
	}
}

// TestClassDeletedWhileWaiting deletes the VolumeSnapshotClass before the turn of a run
// comes: its snapshots would only be taken when somebody creates that class again.
func TestClassDeletedWhileWaiting(t *testing.T) {
	kb := snapshotstest.NewBackup("b", "kafka", "class").Obj()
	kb.UID = "uid"
	class := &snapshotv1.VolumeSnapshotClass{ObjectMeta: metav1.ObjectMeta{Name: "class"}, Driver: "driver"}
	c := fake.NewClientBuilder().WithScheme(snapbackapi.NewScheme()).WithObjects(kb, class).Build()
	r := &Reconciler{Client: c, Clock: clockwork.NewFakeClockAt(ten)}
	a := attempt{key: types.NamespacedName{Namespace: kb.Namespace, Name: kb.Name}, uid: kb.UID}
	if _, b, err := r.wanted(t.Context(), a); err != nil || b.Class != "class" {
		t.Errorf("it is wanted: %v", err)
	}
	if err := c.Delete(t.Context(), class); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.wanted(t.Context(), a); !errors.Is(err, errWithdrawn) || !strings.Contains(err.Error(), `there is no VolumeSnapshotClass "class"`) {
		t.Errorf("the class is gone: %v", err)
	}
}
