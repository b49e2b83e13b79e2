package scheduler

import (
	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// paused keeps the condition Paused: who has suspended the runs, or frozen what
// is kept, may forget it.
func (r *Reconciler) paused(kb *v1alpha1.KafkaBackup) {
	var found []string
	if kb.Spec.Suspend {
		found = append(found, "no runs are started while spec.suspend is true")
	}
	if _, frozen := kb.Annotations[v1alpha1.AnnotationFreeze]; frozen {
		found = append(found, "nothing is pruned while the annotation "+v1alpha1.AnnotationFreeze+" is there")
	}
	forADay{v1alpha1.ConditionPaused, v1alpha1.ReasonPauseSet, v1alpha1.ReasonPausedForADay}.keep(kb, "People have paused this KafkaBackup: ", found,
		"That has been so for a day: end it, unless it is still meant", r.Clock.Now())
}
