package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/turns"
	"github.com/snapback-dev/snapback/tracing"
)

// fire makes the run of an attempt. gocron calls it when a run is due.
func (r *Reconciler) fire(ctx context.Context, a attempt) {
	logger := log.FromContext(ctx).WithValues("namespace", a.key.Namespace, "kafkaBackup", a.key.Name, "scheduled", a.scheduled.Format(time.RFC3339))
	traced, end := r.traceAttempt(ctx, a)
	result, err := r.tryRun(traced, a)
	end(result, err)
	if err != nil && !errors.Is(err, turns.ErrOver) {
		logger.Error(err, "run failed; it is tried again while it is due")
	}
	r.jobs.end(a, result, err)
	r.lookAt(ctx, &v1alpha1.KafkaBackup{ObjectMeta: metav1.ObjectMeta{Namespace: a.key.Namespace, Name: a.key.Name}})
}

// lookAt makes the controller reconcile a KafkaBackup now.
func (r *Reconciler) lookAt(ctx context.Context, kb *v1alpha1.KafkaBackup) {
	select {
	case r.wake <- event.GenericEvent{Object: kb}:
	case <-ctx.Done():
	}
}

// tryRun tries a run once. After an error the caller must try again. An error
// can come with a result: then some snapshots are missing, but only for a while.
func (r *Reconciler) tryRun(ctx context.Context, a attempt) (*Result, error) {
	_, wait := r.traces.Start(ctx, tracing.SpanWait)
	turn, kb, b, err := r.awaitTurn(ctx, a)
	wait.End(err)
	if err != nil {
		return nil, err
	}
	defer turn.End()
	result, err := r.run(ctx, b, a.scheduled, turn, r.observeForRun(ctx, kb))
	if err != nil {
		return nil, fmt.Errorf("run kafkabackup %s: %w", a.key, err)
	}
	if ctx.Err() != nil { // the next leader goes on
		return nil, ctx.Err()
	}
	err = result.passing()
	if err == nil || !a.again {
		r.report(ctx, kb, result)
		r.figures.update(a.key, func(f *figures) { f.failures += float64(len(result.Failed)) })
	}
	if err == nil {
		r.figures.update(a.key, func(f *figures) { f.runs++ })
	}
	return &result, err
}

// errWithdrawn is the error of a run that is no longer wanted.
var errWithdrawn = errors.New("the run is withdrawn")

// report logs the result of a run and leaves Events about it on the KafkaBackup.
func (r *Reconciler) report(ctx context.Context, kb *v1alpha1.KafkaBackup, result Result) {
	at := result.Scheduled.Format(time.RFC3339)
	log.FromContext(ctx).Info("run", "namespace", kb.Namespace, "kafkaBackup", kb.Name, "scheduled", at,
		"volumes", result.Volumes, "created", len(result.Created), "skipped", len(result.Skipped), "failed", len(result.Failed))
	r.Recorder.Eventf(kb, nil, corev1.EventTypeNormal, v1alpha1.EventSnapshotsCreated, actionSnapshot,
		"Run of %s: %d snapshots of %d volumes", at, len(result.Created), result.Volumes)
	if len(result.Uncut) > 0 {
		r.Recorder.Eventf(kb, nil, corev1.EventTypeWarning, v1alpha1.EventQuorumNotAwaited, actionSnapshot,
			"Run of %s: the quorum's snapshots were taken although %d of the brokers' were not cut yet, such as %s", at, len(result.Uncut), result.Uncut[0])
	}
	// One Event for all claims: the recorder would merge several into one, with the text of the first.
	if len(result.Skipped) > 0 {
		r.Recorder.Eventf(kb, nil, corev1.EventTypeWarning, v1alpha1.EventVolumeSkipped, actionSnapshot, "%s", summary(at, "could not be taken", result.skipped()))
	}
	if len(result.Failed) > 0 {
		r.Recorder.Eventf(kb, nil, corev1.EventTypeWarning, v1alpha1.ReasonSnapshotFailed, actionSnapshot, "%s", summary(at, "failed", result.failed()))
	}
}
