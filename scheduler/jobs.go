package scheduler

import (
	"fmt"
	"sync"
	"time"

	"github.com/go-co-op/gocron/v2"
	"github.com/google/uuid"
	"github.com/jonboulle/clockwork"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// jobs holds one gocron job per KafkaBackup, for one term of leadership.
type jobs struct {
	gocron gocron.Scheduler
	clock  clockwork.Clock
	fire   func(types.NamespacedName)

	mu   sync.Mutex
	byID map[types.NamespacedName]*job
}

// job is what the term knows of a KafkaBackup beside its status.
type job struct {
	id         uuid.UUID
	uid        types.UID
	generation int64
	schedule   Schedule

	next   time.Time // the first time that no run has answered yet
	missed int64     // times that were missed in all
	last   *Result   // of this term
}

func newJobs(clock clockwork.Clock, fire func(types.NamespacedName)) (*jobs, error) {
	g, err := gocron.NewScheduler(
		gocron.WithClock(clock),
		gocron.WithLocation(time.UTC),
		gocron.WithStopTimeout(30*time.Second),
		gocron.WithGlobalJobOptions(gocron.WithSingletonMode(gocron.LimitModeReschedule)),
	)
	if err != nil {
		return nil, fmt.Errorf("start the job scheduler: %w", err)
	}
	g.Start()
	return &jobs{gocron: g, clock: clock, fire: fire, byID: map[types.NamespacedName]*job{}}, nil
}

// missedRuns says that runs were due while nothing ran.
type missedRuns struct {
	count  int
	latest time.Time
	madeUp bool // the latest is being run now
}

// ensure makes the job of a KafkaBackup what its spec says. A new, resumed or
// edited one does not fire at once; one that was due while no scheduler led
// does, once, unless that is longer ago than the deadline.
func (j *jobs) ensure(kb *v1alpha1.KafkaBackup, schedule Schedule, deadline *time.Duration) (missedRuns, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	key := types.NamespacedName{Namespace: kb.Namespace, Name: kb.Name}
	old := j.byID[key]
	if old != nil && old.uid == kb.UID && old.generation == kb.Generation {
		return missedRuns{}, nil
	}
	now := j.clock.Now()
	next := &job{uid: kb.UID, generation: kb.Generation, schedule: schedule, next: schedule.Next(now), missed: kb.Status.MissedRuns}
	var late missedRuns
	if old == nil {
		late = next.catchUp(kb, now, deadline)
	} else {
		if err := j.gocron.RemoveJob(old.id); err != nil {
			return missedRuns{}, fmt.Errorf("replace the job of kafkabackup %s: %w", key, err)
		}
		if old.uid == kb.UID {
			next.last, next.missed = old.last, old.missed
		}
	}
	added, err := j.gocron.NewJob(gocron.CronJob(kb.Spec.Schedule, false), gocron.NewTask(j.fire, key),
		gocron.WithCronImplementation(schedule), gocron.WithName(string(kb.UID)))
	if err != nil {
		delete(j.byID, key)
		return missedRuns{}, fmt.Errorf("add the job of kafkabackup %s: %w", key, err)
	}
	next.id = added.ID()
	j.byID[key] = next
	if !late.madeUp {
		return late, nil
	}
	if err := added.RunNow(); err != nil {
		return late, fmt.Errorf("make up the missed run of kafkabackup %s: %w", key, err)
	}
	return late, nil
}

// catchUp looks for runs that were due before now. The status tells: its
// nextScheduleTime is the first one that was not answered.
func (j *job) catchUp(kb *v1alpha1.KafkaBackup, now time.Time, deadline *time.Duration) missedRuns {
	due := kb.Status.NextScheduleTime
	if due == nil || kb.Status.ObservedGeneration != kb.Generation {
		return missedRuns{}
	}
	latest, n := j.schedule.Latest(due.Time, now)
	if n == 0 {
		return missedRuns{}
	}
	late := missedRuns{count: n, latest: latest, madeUp: deadline == nil || now.Sub(latest) <= *deadline}
	if late.madeUp {
		j.next = due.Time
		late.count--
	}
	j.missed += int64(late.count)
	return late
}

// remove stops the job of a KafkaBackup; a run under way goes on.
func (j *jobs) remove(key types.NamespacedName) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	old := j.byID[key]
	if old == nil {
		return nil
	}
	delete(j.byID, key)
	if err := j.gocron.RemoveJob(old.id); err != nil {
		return fmt.Errorf("remove the job of kafkabackup %s: %w", key, err)
	}
	return nil
}

// due returns the latest time that the job is to answer now, if any.
func (j *jobs) due(key types.NamespacedName) (time.Time, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	job := j.byID[key]
	if job == nil {
		return time.Time{}, false
	}
	latest, n := job.schedule.Latest(job.next, j.clock.Now())
	return latest, n > 0
}

// done notes that a run has been answered.
func (j *jobs) done(key types.NamespacedName, r Result) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if job := j.byID[key]; job != nil {
		job.last = &r
		job.next = job.schedule.Next(r.Scheduled)
	}
}

// state returns a copy of what is known of a job; a zero job if there is none.
func (j *jobs) state(key types.NamespacedName) job {
	j.mu.Lock()
	defer j.mu.Unlock()
	if job := j.byID[key]; job != nil {
		return *job
	}
	return job{}
}
