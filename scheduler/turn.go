package scheduler

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/scheduler/turns"
	"github.com/snapback-dev/snapback/snapshots"
)

// storageTurns are the turns of a term, which begin with what the leader before has
// left under way.
type storageTurns struct {
	turns.Turns
	begun atomic.Bool
}

// waitNoticed is how long a run waits for its turn before Ready says so. Most wait
// for some seconds only, and each change of the condition is a write.
const waitNoticed = 30 * time.Second

// version changes with the spec of a KafkaBackup. A run that waits for its turn is
// asked for by one version.
func version(kb *v1alpha1.KafkaBackup) string { return fmt.Sprint(kb.UID, "/", kb.Generation) }

// awaitTurn waits until the storage has room for a run. It returns the KafkaBackup as
// it is then. The caller must end the turn.
func (r *Reconciler) awaitTurn(ctx context.Context, a attempt) (*turns.Turn, *v1alpha1.KafkaBackup, snapshots.Backup, error) {
	if err := r.beginTurns(); err != nil {
		return nil, nil, snapshots.Backup{}, err
	}
	for {
		kb, b, err := r.wanted(ctx, a)
		if err != nil {
			return nil, nil, b, err
		}
		pvcs, err := claims.List(ctx, r.Client, b.Namespace)
		if err != nil {
			return nil, nil, b, err
		}
		run := turns.Run{Backup: a.key, Version: version(kb), Class: b.Class, Scheduled: a.scheduled,
			Last: timeOf(kb.Status.LastScheduleTime)}
		if run.Size, run.Unfinished, err = r.sizeOf(pvcs, b, a.scheduled); err != nil {
			return nil, nil, b, err
		}
		run.Until, run.Ends = r.jobs.tooLate(a)
		run.Begun = a.again || r.jobs.state(a.key).made[a.scheduled.Unix()]
		turn, err := r.turns.Wait(ctx, r.Clock, run)
		switch {
		case errors.Is(err, turns.ErrChanged):
			continue
		case errors.Is(err, turns.ErrOver):
			if !a.asked { // that one is asked for again
				r.tellTurnMissed(ctx, kb, run)
			}
			return nil, nil, b, err
		case err != nil:
			return nil, nil, b, fmt.Errorf("wait for the turn of the run: %w", err)
		case !turn.Waited():
			return turn, kb, b, nil
		}
		kb, b, err = r.wanted(ctx, a) // it may have changed in the moment in which its turn came
		if err == nil && version(kb) == run.Version {
			return turn, kb, b, nil
		}
		turn.End()
		if err != nil {
			return nil, nil, b, err
		}
	}
}

// sizeOf returns the number of a cluster's claims, and how many of them a run skips
// unless their snapshots of earlier runs are finished.
func (r *Reconciler) sizeOf(pvcs []corev1.PersistentVolumeClaim, b snapshots.Backup, scheduled time.Time) (size, unfinished int, err error) {
	own, err := r.taken().own(b.Key())
	if err != nil {
		return 0, 0, err
	}
	waited := unfinishedSources(own.All, scheduled, r.Clock.Now())
	of := claims.OfCluster(pvcs, b)
	for _, c := range of {
		if waited.keepsBack(c.PVC) {
			unfinished++
		}
	}
	return len(of), unfinished, nil
}

// wanted returns the KafkaBackup of an attempt; an error if the run is not wanted any
// more.
func (r *Reconciler) wanted(ctx context.Context, a attempt) (*v1alpha1.KafkaBackup, snapshots.Backup, error) {
	kb, mistake, err := r.read(ctx, a.key)
	if err != nil {
		return nil, snapshots.Backup{}, fmt.Errorf("read kafkabackup %s: %w", a.key, err)
	}
	b, _, err := r.parse(ctx, kb)
	if err != nil && !errors.As(err, &mistake) { // a failed read says nothing about the spec
		return nil, b, err
	}
	if mistake != nil || kb.UID != a.uid || b.Suspended && !a.asked {
		return nil, b, fmt.Errorf("kafkabackup %s has changed: %w", a.key, errors.Join(err, errWithdrawn)) // the reconciler is about to know
	}
	return kb, b, nil
}

// tooLate returns two times. At the first one, a run that has not begun is too late:
// the next one is due, or its deadline is over. At the second one, the next run is due,
// and this one must end. The deadline does not count for a run that was begun before,
// nor for the one that replaces such a run.
func (j *jobs) tooLate(a attempt) (toBegin, toEnd time.Time) {
	job := j.state(a.key)
	now := j.clock.Now()
	if job.uid == "" { // the job was removed in the meantime
		return now, now
	}
	next := job.schedule.Next(now)
	begun := job.made[a.scheduled.Unix()] || a.scheduled.Equal(job.instead)
	if job.deadline == nil || a.asked || begun {
		return next, next
	}
	over := a.scheduled.Add(max(*job.deadline, onTime) + time.Millisecond)
	if next.IsZero() || over.Before(next) {
		return over, next
	}
	return next, next
}

// beginTurns counts what the cache has under way, once a term. Several runs may do
// so at the same time; they find the same.
func (r *Reconciler) beginTurns() error {
	if r.turns.begun.Load() {
		return nil
	}
	known, err := r.taken().known()
	if err != nil {
		return err
	}
	var left []turns.Seen
	for _, backup := range known.Backups() {
		left = append(left, turns.Seen{Backup: backup, Own: known.Own(backup).All})
	}
	r.turns.Begin(left, r.Clock.Now())
	r.turns.begun.Store(true)
	return nil
}

// tellTurnMissed says why a run is not made. It is counted when the next one begins.
func (r *Reconciler) tellTurnMissed(ctx context.Context, kb *v1alpha1.KafkaBackup, run turns.Run) {
	at := run.Scheduled.Format(time.RFC3339)
	log.FromContext(ctx).Info("the run was not made: its turn did not come in time", "namespace", kb.Namespace, "kafkaBackup", kb.Name, "scheduled", at, "class", run.Class)
	r.Recorder.Eventf(kb, nil, corev1.EventTypeWarning, v1alpha1.ReasonTurnMissed, actionSchedule,
		"The run of %s is not made: until it was too late, the storage had no room for its %d snapshots of VolumeSnapshotClass %s. %s", at, run.Size, run.Class, remedies(run.Class))
}

// remedies are what helps a storage that is asked for too much at once.
func remedies(class string) string {
	return fmt.Sprintf("Spread the KafkaBackups with spec.jitter, run them less often, or set annotation %s of VolumeSnapshotClass %s to what the storage takes at once", v1alpha1.AnnotationMaxInFlight, class)
}

// checkTurns returns the Ready condition with what keeps the storage from taking the
// snapshots at once. A condition that already reports a problem stays as it is.
func (r *Reconciler) checkTurns(c metav1.Condition, kb *v1alpha1.KafkaBackup) metav1.Condition {
	if c.Status != metav1.ConditionTrue || c.Reason != v1alpha1.ReasonScheduled {
		return c
	}
	class := kb.Spec.VolumeSnapshotClassName
	if err := r.turns.Mistake(class); err != nil {
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, string(v1alpha1.ReasonInvalidAnnotation), fmt.Sprintf("VolumeSnapshotClass %s: %v", class, err)
		return c
	}
	key := client.ObjectKeyFromObject(kb)
	if run, since, bound, ok := r.turns.Waiting(key); ok && r.Clock.Since(since) >= waitNoticed {
		c.Reason = v1alpha1.ReasonWaitingForTurn
		c.Message = fmt.Sprintf("The run of %s waits for its turn: snapshots of other runs are under way at the storage, which takes %d of VolumeSnapshotClass %s at once. %s",
			run.Scheduled.UTC().Format(time.RFC3339), bound, run.Class, remedies(run.Class))
	}
	return c
}
