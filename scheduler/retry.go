package scheduler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/turns"
)

// passing is the first failure of a run that may end by itself, such as an
// unreachable apiserver. It is nil if there is none: trying again does not help
// then.
func (r Result) passing() error {
	for _, pvc := range slices.Sorted(maps.Keys(r.Failed)) {
		if err := r.Failed[pvc]; passing(err) {
			return fmt.Errorf("some snapshots could not be created: %w", err)
		}
	}
	return nil
}

// passing reports whether an error may end by itself: the apiserver did not
// answer, or something that it needs is unavailable.
func passing(err error) bool {
	switch apierrors.ReasonForError(err) {
	case metav1.StatusReasonServerTimeout, metav1.StatusReasonTimeout, metav1.StatusReasonServiceUnavailable,
		metav1.StatusReasonTooManyRequests, metav1.StatusReasonInternalError:
		return true
	}
	var unreachable *url.Error
	return errors.As(err, &unreachable) || errors.Is(err, context.DeadlineExceeded)
}

// checkRuns returns the Ready condition with the reason why a run that is due,
// or that a person asked for, is not made. A condition that already reports a
// problem stays as it is.
func checkRuns(c metav1.Condition, kb *v1alpha1.KafkaBackup, j job, now time.Time) metav1.Condition {
	if c.Status != metav1.ConditionTrue {
		return c
	}
	if errors.Is(j.err, turns.ErrOver) && !kb.Spec.Suspend { // said until a run is made: each may wait too short a time for WaitingForTurn
		c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonTurnMissed
		c.Message = fmt.Sprintf("The run of %s was not made: until it was too late, the storage had no room for its snapshots. %s",
			j.tried.UTC().Format(time.RFC3339), remedies(kb.Spec.VolumeSnapshotClassName))
	} else if j.err != nil && !errors.Is(j.err, turns.ErrOver) {
		c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonRunFailed
		c.Message = fmt.Sprintf("The run of %s failed and is tried again: %v", j.tried.UTC().Format(time.RFC3339), j.err)
	} else if _, err := askedRun(kb.Annotations, now); err != nil {
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, string(v1alpha1.ReasonInvalidAnnotation), err.Error()
	}
	return c
}
