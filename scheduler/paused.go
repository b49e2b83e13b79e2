package scheduler

import (
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// paused keeps the condition Paused: who has suspended the runs, or frozen what
// is kept, may forget it.
func (r *Reconciler) paused(kb *v1alpha1.KafkaBackup) {
	var found []string
	if kb.Spec.Suspend {
		found = append(found, "no runs are started while spec.suspend is true")
	}
	if _, frozen := kb.Annotations[snapshots.AnnotationFreeze]; frozen {
		found = append(found, "nothing is pruned while the annotation "+snapshots.AnnotationFreeze+" is there")
	}
	forADay{conditionPaused, reasonPauseSet, reasonPausedForDay}.keep(kb, "People have paused this KafkaBackup: ", found,
		"That has been so for a day: end it, unless it is still meant", r.Clock.Now())
}
