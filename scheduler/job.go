package scheduler

import (
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/schedule"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/turns"
)

// onTime is how late a run may start and still count as not missed, whatever
// the deadline is. Timers are not exact, and a leader may be a moment late.
const onTime = 10 * time.Second

// jobSpec is what a KafkaBackup asks for, with what hinders its runs and the
// runs that were made.
type jobSpec struct {
	schedule  schedule.Schedule
	deadline  *time.Duration // how late a missed run may start; nil: any
	suspended bool
	blocked   bool           // no run can be made now; runs are not missed for good
	runNow    time.Time      // time of the run that a person asks for; zero: none
	made      map[int64]bool // Unix times of the runs that have snapshots
	partly    map[int64]bool // those of them that have snapshots of some volumes only
	created   time.Time      // when the newest of these was created, by the apiserver's clock; zero: there are none
}

// notBefore is the time after which the next run is: now, unless our clock is far behind the
// apiserver's. Runs of times that are over would only make snapshots that count as old.
func (p jobSpec) notBefore(now time.Time) time.Time {
	if p.created.Sub(now) > aheadOfUs {
		return p.created
	}
	return now
}

// job is what the leader knows about a KafkaBackup beside its status, for one
// term.
type job struct {
	jobSpec
	id     uuid.UUID // of gocron's job; zero: none
	uid    types.UID
	known  bool   // it has a spec
	timing string // spec.schedule, timeZone and jitter in force; empty: suspended, or new

	next     time.Time  // first time of the schedule whose run is not made yet; zero: suspended
	instead  time.Time  // time of a fresh run that replaces the run of next; zero: none does
	answered time.Time  // the last run-now that was answered
	missed   int64      // number of all missed runs
	late     missedRuns // missed runs that no Event has reported yet
	last     *Result    // last result of this term

	told    time.Time // the last missed time that was reported as made up
	tried   time.Time // scheduled time of the last attempt
	err     error     // why that attempt failed
	retryAt time.Time // when it may be tried again
}

// missedRuns are runs that were due while no scheduler could make them.
type missedRuns struct {
	count  int
	more   bool // there may be more than the count
	latest time.Time
	madeUp bool // the latest is being run now
}

func newJob(kb *v1alpha1.KafkaBackup) *job {
	j := &job{uid: kb.UID, missed: kb.Status.MissedRuns}
	if t := kb.Status.LastRunNow; t != nil {
		j.answered = t.Time
	}
	return j
}

// apply puts a spec in force and reports whether the schedule has changed. A
// new, resumed or rescheduled KafkaBackup is not due at once. A run that was due
// before stays due.
func (j *job) apply(kb *v1alpha1.KafkaBackup, p jobSpec, now time.Time) bool {
	timing := strings.Join(strings.Fields(kb.Spec.Schedule+" "+kb.Spec.TimeZone+" "+kb.Spec.Jitter), " ")
	if p.suspended {
		timing = ""
	}
	isNew := !j.known
	j.known = true
	if timing == j.timing && !isNew {
		p.schedule = j.schedule // it knows since when it is in force
		j.jobSpec = p
		return false
	}
	j.jobSpec, j.timing = p, timing
	switch {
	case p.suspended:
		j.next = time.Time{}
	case isNew && j.unanswered(kb.Status, kb.Generation, now):
		j.next = kb.Status.NextScheduleTime.Time
	case !j.next.IsZero() && !j.next.After(now): // due by the old schedule
		j.schedule = p.schedule.Since(now)
	default:
		now = p.notBefore(now)
		j.schedule = p.schedule.Since(now)
		j.next = j.schedule.Next(now)
	}
	return true
}

// unanswered reports whether an earlier term left a run undone. The status has
// the time of that run. If the spec was edited since, the run counts only if its
// time is also in the new schedule: nobody expects a run of the old one.
func (j *job) unanswered(s v1alpha1.KafkaBackupStatus, generation int64, now time.Time) bool {
	due := s.NextScheduleTime
	return due != nil && !due.After(now) && (s.ObservedGeneration == generation || j.schedule.Has(due.Time))
}

// clockSetBack reports whether the leader's clock was ahead and is right again, so that
// the next run has become an earlier one. Without this, no run would be made until the
// true time has caught up.
func (j *job) clockSetBack(now time.Time) bool {
	if j.next.IsZero() {
		return false
	}
	now = j.notBefore(now)
	schedule := j.schedule.Since(now) // it may be in force since a time that is still to come
	next := schedule.Next(now)
	for j.started(next) { // a clock is set back by some milliseconds at any time
		next = schedule.Next(next)
	}
	if next.IsZero() || !next.Before(j.next) {
		return false
	}
	j.schedule, j.next = schedule, next
	return true
}

// passOver skips the due times that are not made up: all but the latest. It
// skips the latest too if it is longer ago than the deadline allows.
func (j *job) passOver(now time.Time) {
	if j.next.IsZero() || j.blocked && j.deadline == nil {
		return
	}
	latest, n := j.schedule.Latest(j.next, now)
	if n == 0 {
		return
	}
	first := j.next
	more := n == schedule.MaxCounted
	tooLate := j.deadline != nil && now.Sub(latest) > max(*j.deadline, onTime) &&
		!j.made[latest.Unix()] // a run that was begun is finished, or made again
	if tooLate {
		j.next = j.schedule.Next(latest)
	} else {
		j.next = latest
		j.overtake(now)
		n--
		if !latest.Equal(j.told) && !j.started(latest) && now.Sub(latest) > onTime && !j.blocked {
			j.told = latest
			j.late.latest, j.late.madeUp = latest, true
		}
	}
	for unix := range j.made { // runs that were made, though the status does not know it
		if t := time.Unix(unix, 0); !t.Before(first) && t.Before(j.next) && (t.Equal(first) || j.schedule.Has(t)) {
			n--
		}
	}
	if j.tried.Equal(first) && j.next.After(first) && j.started(first) && !j.made[first.Unix()] {
		n--
	}
	n = max(n, 0) // the count has a limit, and more runs than that may have been made
	j.late.count += n
	j.late.more = j.late.more || more
	j.missed += int64(n)
}

// finishWithin is how long after its scheduled time an unfinished run may still
// be finished. Snapshots that are taken later show another moment.
const finishWithin = 10 * time.Minute

// overtake decides about a run that was begun and not finished in time, for
// example by a leader that is long gone. One fresh run replaces it. A run that
// was made since then, for whatever reason, replaces it too.
func (j *job) overtake(now time.Time) {
	if !j.partly[j.next.Unix()] || now.Sub(j.next) <= finishWithin {
		j.instead = time.Time{}
		return
	}
	var since time.Time
	for unix := range j.made {
		if t := time.Unix(unix, 0).UTC(); t.After(j.next) && !t.After(now) && t.After(since) {
			since = t
		}
	}
	switch {
	case !since.IsZero() && j.partly[since.Unix()] && now.Sub(since) <= finishWithin:
		j.instead = since
	case !since.IsZero():
		j.next, j.instead = j.schedule.Next(j.next), time.Time{}
	case j.instead.IsZero() || now.Sub(j.instead) > finishWithin:
		j.instead = now.UTC().Truncate(time.Second)
	}
}

// started reports whether a run was begun, with or without success.
func (j *job) started(t time.Time) bool {
	return j.made[t.Unix()] || j.last != nil && j.last.Scheduled.Equal(t)
}

// due returns the scheduled time of the run that must be made now, if there is
// one, and whether a person has asked for it.
func (j *job) due(now time.Time) (scheduled time.Time, asked, ok bool) {
	switch {
	case j.blocked || now.Before(j.retryAt):
		return time.Time{}, false, false
	case !j.runNow.IsZero() && !j.runNow.Equal(j.answered):
		return j.runNow, true, true
	case !j.next.IsZero() && !j.next.After(now) && !j.instead.IsZero():
		return j.instead, false, true
	case !j.next.IsZero() && !j.next.After(now):
		return j.next, false, true
	}
	return time.Time{}, false, false
}

// end stores the outcome of an attempt.
func (j *job) end(a attempt, result *Result, err error, now time.Time) {
	j.tried, j.err = a.scheduled, err
	if result != nil {
		j.last = result
	}
	if errors.Is(err, turns.ErrOver) { // it is not tried again, since the next one is due
		return
	}
	if err != nil {
		j.retryAt = now.Add(retryAfter)
		return
	}
	if a.scheduled.Equal(j.runNow) {
		j.answered = a.scheduled
	}
	switch {
	case !j.instead.IsZero() && a.scheduled.Equal(j.instead):
		j.next, j.instead = j.schedule.Next(a.scheduled), time.Time{}
	case a.scheduled.Equal(j.next): // true also if a person has asked for exactly this run
		j.next = j.schedule.Next(a.scheduled)
	}
}
