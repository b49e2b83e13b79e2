package scheduler

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api/schedule"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// term is one term of leadership over one KafkaBackup that was created at ten
// o'clock. The test answers its runs.
type term struct {
	*testing.T
	kb    *v1alpha1.KafkaBackup
	clock *clockwork.FakeClock
	jobs  *jobs
	fired chan attempt
	spec  jobSpec
}

var ten = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

func newTerm(t *testing.T, spec string) *term {
	t.Helper()
	kb := snapshotstest.NewBackup("b", "kafka", "class").Schedule(spec).Obj()
	kb.UID, kb.Generation, kb.CreationTimestamp = "uid", 1, metav1.Time{Time: ten}
	s := &term{T: t, kb: kb, clock: clockwork.NewFakeClockAt(ten), fired: make(chan attempt, 10)}
	s.restart()
	return s
}

// restart begins a new term, with the status that the last one has written.
func (s *term) restart() {
	s.Helper()
	if s.jobs != nil {
		if err := s.jobs.gocron.Shutdown(); err != nil {
			s.Fatal(err)
		}
	}
	jobs, err := newJobs(s.clock, func(a attempt) { s.fired <- a })
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = jobs.gocron.Shutdown() })
	s.jobs = jobs
}

// at moves the clock to so long after ten, and handles the KafkaBackup as the
// reconciler does.
func (s *term) at(after time.Duration) missedRuns {
	s.Helper()
	s.clock.Advance(ten.Add(after).Sub(s.clock.Now()))
	times, err := snapshots.Times(s.kb)
	if err != nil {
		s.Fatal(err)
	}
	s.spec.schedule = times
	s.spec.runNow, _ = askedRun(s.kb.Annotations, s.clock.Now())
	late, err := s.jobs.ensure(s.kb, s.spec)
	if err != nil {
		s.Fatal(err)
	}
	return late
}

// save writes the state of the job into the status.
func (s *term) save() {
	state := s.jobs.state(client.ObjectKeyFromObject(s.kb))
	o := observed{missed: state.missed, runNow: state.answered}
	if !state.next.IsZero() {
		o.next = &state.next
	}
	s.kb.Status = newStatus(s.kb.Status, s.kb.Generation, o, s.clock.Now())
}

func (s *term) edit(spec string) {
	s.kb.Spec.Schedule = spec
	s.kb.Generation++
}

// runs waits for the run of that time after ten.
func (s *term) runs(after time.Duration) attempt {
	s.Helper()
	s.jobs.mu.Lock()
	running := len(s.jobs.running)
	s.jobs.mu.Unlock()
	if running == 0 {
		s.Fatalf("no run was started, that of %s expected", ten.Add(after))
	}
	a := <-s.fired
	if want := ten.Add(after); !a.scheduled.Equal(want) {
		s.Fatalf("the run of %s was started, of %s expected", a.scheduled, want)
	}
	return a
}

func (s *term) done(a attempt) { s.jobs.end(a, &Result{Scheduled: a.scheduled}, nil) }

// idle checks that no run is under way or due.
func (s *term) idle() {
	s.Helper()
	key := client.ObjectKeyFromObject(s.kb)
	if s.jobs.isRunning(key) {
		s.Fatal("a run is under way")
	}
	job := s.jobs.find(key)
	if job == nil {
		return
	}
	job.mu.Lock()
	defer job.mu.Unlock()
	if a, ok := s.jobs.begin(key, job); ok {
		s.Fatalf("a run is due: %+v", a)
	}
}

func (s *term) missed(want int64) {
	s.Helper()
	if got := s.jobs.state(client.ObjectKeyFromObject(s.kb)).missed; got != want {
		s.Errorf("%d runs missed, want %d", got, want)
	}
}

func seconds(n int) *time.Duration { return ptr.To(time.Duration(n) * time.Second) }

func TestFailedRunIsTriedAgain(t *testing.T) {
	s := newTerm(t, "@hourly")
	s.spec.deadline = seconds(300)
	s.at(0)
	s.at(time.Hour)
	a := s.runs(time.Hour)
	s.jobs.end(a, nil, errors.New("away"))
	s.idle() // for ten seconds
	s.at(time.Hour + 30*time.Second)
	if a = s.runs(time.Hour); !a.again {
		t.Error("a second attempt expected")
	}
	s.jobs.end(a, nil, errors.New("away"))
	if late := s.at(time.Hour + 301*time.Second); late.count != 1 || late.madeUp {
		t.Errorf("one missed run expected: %+v", late)
	}
	s.idle()
	s.missed(1)
	s.at(2 * time.Hour)
	s.done(s.runs(2 * time.Hour))
	s.idle()
}

// TestClockSetBack has the leader's clock three hours ahead, and then right again; and
// some milliseconds.
func TestClockSetBack(t *testing.T) {
	for what, schedule := range map[string]string{"on the clock": "@hourly", "an interval": "@every 1h"} {
		t.Run(what, func(t *testing.T) {
			s := newTerm(t, schedule)
			s.at(0)
			s.at(3 * time.Hour)
			s.done(s.runs(3 * time.Hour))
			s.at(3*time.Hour - 5*time.Millisecond)
			s.idle()
			s.at(3 * time.Hour)
			s.idle() // it was made
			s.at(20 * time.Minute)
			s.idle()
			s.at(time.Hour)
			s.done(s.runs(time.Hour))
			s.at(2 * time.Hour)
			s.done(s.runs(2 * time.Hour))
		})
	}
}

// TestClockBehind has a leader whose clock is behind by hours, from the start and later.
func TestClockBehind(t *testing.T) {
	s := newTerm(t, "@hourly")
	s.spec.created = ten.Add(4*time.Hour + time.Minute) // by the leader before
	s.at(0)
	s.at(time.Hour)
	s.idle()
	s.at(5 * time.Hour)
	s.done(s.runs(5 * time.Hour))
	s.spec.created = ten.Add(5 * time.Hour)
	s.at(2 * time.Hour)
	s.at(3 * time.Hour)
	s.idle()
	s.at(6 * time.Hour)
	s.done(s.runs(6 * time.Hour))
}

// TestTermBeginsAhead has a leader whose clock is ahead from the start.
func TestTermBeginsAhead(t *testing.T) {
	s := newTerm(t, "@hourly")
	s.at(5*time.Hour + time.Minute)
	s.idle()
	s.at(20 * time.Minute)
	s.idle()
	s.at(time.Hour)
	s.done(s.runs(time.Hour))
}

func TestRunThatWasBegunIsNotMissed(t *testing.T) {
	s := newTerm(t, "@hourly")
	s.at(0)
	s.at(time.Hour)
	a := s.runs(time.Hour)
	s.jobs.end(a, &Result{Scheduled: a.scheduled}, errors.New("one of three failed"))
	s.at(2 * time.Hour)
	s.done(s.runs(2 * time.Hour))
	s.missed(0)
}

func TestLongRun(t *testing.T) {
	s := newTerm(t, "@hourly")
	s.at(0)
	s.at(time.Hour)
	a := s.runs(time.Hour)
	s.at(4*time.Hour + time.Minute) // runs do not overlap
	s.done(a)
	if late := s.at(4*time.Hour + 2*time.Minute); late.count != 2 || !late.madeUp || !late.latest.Equal(ten.Add(4*time.Hour)) {
		t.Errorf("two missed and one made up expected: %+v", late)
	}
	s.done(s.runs(4 * time.Hour))
	s.idle()
}

// TestEditWhileDue edits the spec at the exact time of a run, before the run
// begins and while it is under way.
func TestEditWhileDue(t *testing.T) {
	for _, spec := range []string{"@hourly", "*/5 * * * *"} {
		s := newTerm(t, "@hourly")
		s.spec.blocked = true // so that gocron does not start the run first
		s.at(0)
		s.at(time.Hour)
		s.spec.blocked = false
		s.edit(spec)
		s.at(time.Hour)
		a := s.runs(time.Hour)
		s.edit("*/10 * * * *")
		s.at(time.Hour + 11*time.Minute)
		s.done(a)
		s.at(time.Hour + 12*time.Minute)
		s.idle() // 11:10 is a time of the old schedule
		s.at(time.Hour + 20*time.Minute)
		s.done(s.runs(time.Hour + 20*time.Minute))
		s.missed(0)
	}
}

// TestEditOfJitter sets a jitter: that is another schedule, whose first time comes
// after the edit.
func TestEditOfJitter(t *testing.T) {
	s := newTerm(t, "@hourly")
	s.at(0)
	s.at(time.Hour)
	s.done(s.runs(time.Hour))
	s.kb.Spec.Jitter = "30m"
	s.kb.Generation++
	offset := schedule.Jitter(30*time.Minute, "uid")
	if offset == 0 {
		t.Fatal("the UID has no offset: choose another")
	}
	s.at(time.Hour + offset/2)
	s.idle()
	s.at(time.Hour + offset)
	s.done(s.runs(time.Hour + offset))
	s.save()
	s.restart() // the next leader finds the same time
	s.at(2*time.Hour + offset - time.Second)
	s.idle()
	s.at(2*time.Hour + offset)
	s.done(s.runs(2*time.Hour + offset))
	s.missed(0)
}

// TestEditInDowntime misses the run of eleven o'clock, and edits the spec before
// a scheduler leads again.
func TestEditInDowntime(t *testing.T) {
	tests := map[string]struct {
		before, after string
		back          time.Duration
		run           time.Duration // 0: none
	}{
		"not edited":                 {"@hourly", "@hourly", 65 * time.Minute, 60 * time.Minute},
		"another field":              {"@hourly", " @hourly", 65 * time.Minute, 60 * time.Minute},
		"more often":                 {"@hourly", "*/30 * * * *", 95 * time.Minute, 90 * time.Minute},
		"a schedule that is no more": {"@hourly", "0 22 * * *", 65 * time.Minute, 0},
		"not due yet":                {"@hourly", "*/10 * * * *", 15 * time.Minute, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newTerm(t, test.before)
			s.at(0)
			s.save()
			s.restart()
			s.edit(test.after)
			s.at(test.back)
			if test.run == 0 {
				s.idle()
				return
			}
			s.done(s.runs(test.run))
			s.idle()
		})
	}
}

// TestKilled ends a term before its status was written.
func TestKilled(t *testing.T) {
	s := newTerm(t, "@hourly")
	s.spec.deadline = seconds(300)
	s.at(0)
	s.save()
	s.at(time.Hour)
	s.done(s.runs(time.Hour))
	s.restart()
	s.spec.made = map[int64]bool{ten.Add(time.Hour).Unix(): true}
	if late := s.at(time.Hour + time.Minute); late != (missedRuns{}) {
		t.Errorf("nothing was missed: %+v", late)
	}
	s.done(s.runs(time.Hour)) // it adopts the existing snapshots
	s.restart()
	s.at(3*time.Hour + 10*time.Minute)
	s.idle()
	s.missed(2)
}

// TestOvertaken ends a term in the middle of a run. Soon after, the next term
// finishes the run. Later, it makes one fresh run instead.
func TestOvertaken(t *testing.T) {
	begun := func(runs map[time.Duration]bool) (made, partly map[int64]bool) {
		made, partly = map[int64]bool{}, map[int64]bool{}
		for after, whole := range runs {
			made[ten.Add(after).Unix()], partly[ten.Add(after).Unix()] = true, !whole
		}
		return made, partly
	}
	const run = 6 * time.Hour
	s := newTerm(t, "@every 6h")
	s.spec.deadline = seconds(300)
	s.at(0)
	s.save()
	again := func(runs map[time.Duration]bool) {
		s.restart()
		s.spec.made, s.spec.partly = begun(runs)
	}
	again(map[time.Duration]bool{run: false})
	s.at(run + 9*time.Minute)
	s.runs(run)
	again(map[time.Duration]bool{run: false})
	s.at(run + 11*time.Minute)
	a := s.runs(run + 11*time.Minute)
	s.spec.made, s.spec.partly = begun(map[time.Duration]bool{run: false, run + 11*time.Minute: false})
	s.jobs.end(a, nil, errors.New("away"))
	s.at(run + 12*time.Minute)
	s.done(s.runs(run + 11*time.Minute))
	s.idle()
	s.missed(0)
	again(map[time.Duration]bool{run: false, run + 11*time.Minute: true}) // killed before the status was written
	s.at(run + 13*time.Minute)
	s.idle()
	again(map[time.Duration]bool{run: false, run + 11*time.Minute: false})
	s.at(run + 14*time.Minute)
	s.done(s.runs(run + 11*time.Minute))
	again(map[time.Duration]bool{run: false, run + 11*time.Minute: false})
	s.at(run + 30*time.Minute) // no third one
	s.idle()
	again(map[time.Duration]bool{run: true})
	s.at(run + 40*time.Minute) // all runs were made, and none is made again
	s.done(s.runs(run))
}

func TestSuspendedTimesAreNotMissed(t *testing.T) {
	s := newTerm(t, "@hourly")
	s.at(0)
	s.spec.suspended = true
	s.at(30 * time.Minute)
	s.save()
	s.restart()
	s.at(5 * time.Hour)
	s.spec.suspended = false
	s.at(30*24*time.Hour + time.Minute)
	s.idle()
	s.missed(0)
	s.at(30*24*time.Hour + time.Hour)
	s.done(s.runs(30*24*time.Hour + time.Hour))
}

func TestHeldRunIsMadeUp(t *testing.T) {
	s := newTerm(t, "@hourly")
	s.spec.blocked = true // from the start: gocron may wake the job before the first call of at
	s.at(0)
	s.at(3*time.Hour + time.Minute)
	s.idle()
	s.save()
	s.restart()
	s.spec.blocked = false
	s.at(3*time.Hour + 2*time.Minute)
	s.done(s.runs(3 * time.Hour))
	s.missed(2)
}

func TestLateTimerIsOnTime(t *testing.T) {
	s := newTerm(t, "@hourly")
	s.spec.deadline, s.spec.blocked = seconds(0), true
	s.at(0)
	s.at(time.Hour + 2*time.Second)
	s.spec.blocked = false
	if late := s.at(time.Hour + 3*time.Second); late != (missedRuns{}) {
		t.Errorf("nothing was missed: %+v", late)
	}
	s.done(s.runs(time.Hour))
	s.missed(0)
}

func TestRunNowIsAnsweredOnce(t *testing.T) {
	s := newTerm(t, "@hourly")
	s.spec.suspended = true
	s.ask(5 * time.Minute)
	s.at(5 * time.Minute)
	a := s.runs(5 * time.Minute)
	if !a.asked {
		t.Error("the run was not asked for")
	}
	s.jobs.end(a, nil, errors.New("away"))
	s.at(6 * time.Minute)
	s.done(s.runs(5 * time.Minute))
	s.at(7 * time.Minute)
	s.idle()
	s.save()
	s.restart()
	s.at(8 * time.Minute)
	s.idle()
	s.spec.suspended = false
	s.at(59*time.Minute + 30*time.Second)
	s.ask(time.Hour) // the exact time of a run, by a clock that is ahead
	s.at(59*time.Minute + 30*time.Second)
	s.done(s.runs(time.Hour))
	s.at(time.Hour)
	s.idle()
	s.at(2 * time.Hour)
	s.done(s.runs(2 * time.Hour))
}

func (s *term) ask(after time.Duration) {
	s.kb.Annotations[v1alpha1.AnnotationRunNow] = ten.Add(after).Format(time.RFC3339)
}

// TestReplacedWhileRunning deletes a KafkaBackup during its run, and creates
// another one with the same name.
func TestReplacedWhileRunning(t *testing.T) {
	s := newTerm(t, "@hourly")
	s.at(0)
	s.at(time.Hour)
	a := s.runs(time.Hour)
	s.kb.UID = types.UID("another")
	s.at(3*time.Hour + time.Minute)
	s.done(a)
	s.at(3*time.Hour + 2*time.Minute)
	s.idle()
	s.missed(0)
}

func TestAskedRun(t *testing.T) {
	now := ten
	for value, want := range map[string]struct {
		run  string
		says string
	}{
		"2026-03-01T10:00:00Z":      {run: "2026-03-01T10:00:00Z"},
		"2026-03-01T11:01:00+01:00": {run: "2026-03-01T10:01:00Z"},
		"2026-03-01T10:01:01Z":      {says: "in the future"},
		"2026-02-28T09:59:59Z":      {},
		"now":                       {says: "must be the present time"},
		"":                          {says: "must be the present time"},
	} {
		got, err := askedRun(map[string]string{v1alpha1.AnnotationRunNow: value}, now)
		if (err != nil) != (want.says != "") || err != nil && !strings.Contains(err.Error(), want.says) {
			t.Errorf("%q: %v, want %q", value, err, want.says)
		}
		if want.run != "" && got.Format(time.RFC3339) != want.run || want.run == "" && !got.IsZero() {
			t.Errorf("%q: %s, want %s", value, got, want.run)
		}
	}
}

func TestPassing(t *testing.T) {
	group := schema.GroupResource{Resource: "volumesnapshots"}
	for err, want := range map[error]bool{
		&url.Error{Op: "Post", URL: "https://apiserver", Err: errors.New("connection refused")}: true,
		apierrors.NewServiceUnavailable("starting"):                                             true,
		apierrors.NewTooManyRequests("slow down", 1):                                            true,
		apierrors.NewInternalError(errors.New("failed calling webhook")):                        true,
		apierrors.NewForbidden(group, "a", errors.New("exceeded quota")):                        false,
		errors.New("volumesnapshot a exists and is not of this run"):                            false,
	} {
		if got := (Result{Failed: map[string]error{"a": err}}).passing(); (got != nil) != want {
			t.Errorf("%v: passing %v, want %v", err, got, want)
		}
	}
}

// TestFailedReadKeepsTheJob reconciles a KafkaBackup whose VolumeSnapshotClass
// cannot be read, and one whose spec has a mistake.
func TestFailedReadKeepsTheJob(t *testing.T) {
	s := newTerm(t, "@hourly")
	down := interceptor.Funcs{Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
		return apierrors.NewInternalError(errors.New("down"))
	}}
	r := &Reconciler{Client: fake.NewClientBuilder().WithInterceptorFuncs(down).Build(), Clock: s.clock, jobs: s.jobs}
	key := client.ObjectKeyFromObject(s.kb)
	s.at(0)
	if err := r.schedule(t.Context(), s.kb, nil); !apierrors.IsInternalError(err) || s.jobs.find(key) == nil {
		t.Errorf("error %v, a job: %t", err, s.jobs.find(key) != nil)
	}
	s.kb.Spec.Schedule = "hourly"
	if err := r.schedule(t.Context(), s.kb, nil); err == nil || s.jobs.find(key) != nil {
		t.Errorf("error %v, a job: %t", err, s.jobs.find(key) != nil)
	}
}
