package scheduler

import (
	"fmt"
	"sync"
	"time"

	"github.com/go-co-op/gocron/v2"
	"github.com/google/uuid"
	"github.com/jonboulle/clockwork"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/schedule"
	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// retryAfter is the shortest time between a failed attempt and the next one.
const retryAfter = 10 * time.Second

var _ gocron.Cron = schedule.Schedule{}

// jobs holds one job per KafkaBackup, for one term of leadership. gocron wakes
// it at the times of the schedules. The jobs themselves know what is due.
type jobs struct {
	gocron gocron.Scheduler
	clock  clockwork.Clock
	fire   func(attempt)

	mu      sync.Mutex // guards the maps only, so that work on one job does not block the others
	byKey   map[types.NamespacedName]*lockedJob
	running map[types.NamespacedName]bool // an entry stays when its job is replaced
}

// lockedJob is a job with its own lock. Take it before the lock of the maps. The
// uid of a job never changes.
type lockedJob struct {
	mu sync.Mutex
	job
}

// attempt is one try to run a KafkaBackup.
type attempt struct {
	key       types.NamespacedName
	uid       types.UID
	scheduled time.Time
	asked     bool // a person asked for it, with run-now
	again     bool // the run was tried before
}

func newJobs(clock clockwork.Clock, fire func(attempt)) (*jobs, error) {
	g, err := gocron.NewScheduler(
		gocron.WithClock(clock),
		gocron.WithLocation(time.UTC),
		gocron.WithStopTimeout(30*time.Second),
	)
	if err != nil {
		return nil, fmt.Errorf("start the job scheduler: %w", err)
	}
	g.Start()
	return &jobs{gocron: g, clock: clock, fire: fire,
		byKey: map[types.NamespacedName]*lockedJob{}, running: map[types.NamespacedName]bool{}}, nil
}

// ensure brings the job of a KafkaBackup in line with its spec, and starts the
// run that is due, if there is one. It returns the missed runs that no Event has
// reported yet.
func (j *jobs) ensure(kb *v1alpha1.KafkaBackup, p jobSpec) (missedRuns, error) {
	key := types.NamespacedName{Namespace: kb.Namespace, Name: kb.Name}
	if old := j.find(key); old != nil && old.uid != kb.UID {
		if err := j.remove(key); err != nil {
			return missedRuns{}, err
		}
	}
	job := j.findOrAdd(key, kb)
	job.mu.Lock()
	defer job.mu.Unlock()
	now := j.clock.Now()
	if changed := job.apply(kb, p, now); job.clockSetBack(now) || changed {
		if err := j.wakeAt(key, job); err != nil {
			j.forget(key, job) // the next try begins with the status
			return missedRuns{}, err
		}
	}
	if a, ok := j.begin(key, job); ok {
		if _, err := j.gocron.NewJob(gocron.OneTimeJob(gocron.OneTimeJobStartImmediately()), gocron.NewTask(j.fire, a)); err != nil {
			j.ended(key)
			return missedRuns{}, fmt.Errorf("start the run of kafkabackup %s: %w", key, err)
		}
	}
	late := job.late
	job.late = missedRuns{}
	return late, nil
}

// find returns the job of a KafkaBackup; nil if there is none.
func (j *jobs) find(key types.NamespacedName) *lockedJob {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.byKey[key]
}

func (j *jobs) findOrAdd(key types.NamespacedName, kb *v1alpha1.KafkaBackup) *lockedJob {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.byKey[key] == nil {
		j.byKey[key] = &lockedJob{job: *newJob(kb)}
	}
	return j.byKey[key]
}

// forget drops a job, unless another job has replaced it.
func (j *jobs) forget(key types.NamespacedName, job *lockedJob) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.byKey[key] == job {
		delete(j.byKey, key)
	}
}

// ended notes that no run of the KafkaBackup is under way any more.
func (j *jobs) ended(key types.NamespacedName) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.running, key)
}

// started notes that a run of the job is under way. It returns false if another
// run already is, or if the job was removed.
func (j *jobs) started(key types.NamespacedName, job *lockedJob) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.byKey[key] != job || j.running[key] {
		return false
	}
	j.running[key] = true
	return true
}

// wakeAt makes gocron wake the job at the times of its schedule from now on.
func (j *jobs) wakeAt(key types.NamespacedName, job *lockedJob) error {
	if job.id != uuid.Nil {
		if err := j.gocron.RemoveJob(job.id); err != nil {
			return fmt.Errorf("replace the job of kafkabackup %s: %w", key, err)
		}
		job.id = uuid.Nil
	}
	if job.next.IsZero() { // suspended
		return nil
	}
	added, err := j.gocron.NewJob(gocron.CronJob(job.timing, false), gocron.NewTask(j.wake, key),
		gocron.WithCronImplementation(job.schedule), gocron.WithName(string(job.uid)))
	if err != nil {
		return fmt.Errorf("add the job of kafkabackup %s: %w", key, err)
	}
	job.id = added.ID()
	return nil
}

// wake makes the run that is due, if there is one. gocron calls it.
func (j *jobs) wake(key types.NamespacedName) {
	job := j.find(key)
	if job == nil {
		return
	}
	job.mu.Lock()
	a, ok := j.begin(key, job)
	job.mu.Unlock()
	if ok {
		j.fire(a)
	}
}

// begin returns an attempt at the run that is due, if there is one and no run is
// under way. The caller must end each attempt.
func (j *jobs) begin(key types.NamespacedName, job *lockedJob) (attempt, bool) {
	if j.isRunning(key) {
		return attempt{}, false
	}
	now := j.clock.Now()
	job.passOver(now)
	scheduled, asked, ok := job.due(now)
	if !ok || !j.started(key, job) {
		return attempt{}, false
	}
	return attempt{key: key, uid: job.uid, scheduled: scheduled, asked: asked, again: job.tried.Equal(scheduled)}, true
}

func (j *jobs) isRunning(key types.NamespacedName) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.running[key]
}

// end stores the outcome of an attempt. After an error the run is still due. The
// result is nil if no snapshot was created.
func (j *jobs) end(a attempt, result *Result, err error) {
	if job := j.find(a.key); job != nil && job.uid == a.uid {
		job.mu.Lock()
		defer job.mu.Unlock()
		job.end(a, result, err, j.clock.Now())
	}
	j.ended(a.key) // last, so that the next attempt knows this outcome
}

// remove stops the job of a KafkaBackup; a run under way goes on.
func (j *jobs) remove(key types.NamespacedName) error {
	old := j.find(key)
	if old == nil {
		return nil
	}
	old.mu.Lock()
	defer old.mu.Unlock()
	j.forget(key, old)
	if old.id == uuid.Nil {
		return nil
	}
	if err := j.gocron.RemoveJob(old.id); err != nil {
		return fmt.Errorf("remove the job of kafkabackup %s: %w", key, err)
	}
	return nil
}

// state returns a copy of a job; the zero job if there is none.
func (j *jobs) state(key types.NamespacedName) job {
	found := j.find(key)
	if found == nil {
		return job{}
	}
	found.mu.Lock()
	defer found.mu.Unlock()
	return found.job
}
