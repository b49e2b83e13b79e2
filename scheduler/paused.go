package scheduler

import (
	"context"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// findPauses lists what people have paused: the runs, or the pruning. A person
// may forget to end it.
func findPauses(_ context.Context, e *examination) ([]string, error) { return pauses(e.kb), nil }

func pauses(kb *v1alpha1.KafkaBackup) []string {
	var found []string
	if kb.Spec.Suspend {
		found = append(found, "no runs are started while spec.suspend is true")
	}
	if _, frozen := kb.Annotations[v1alpha1.AnnotationFreeze]; frozen {
		found = append(found, "nothing is pruned while the annotation "+v1alpha1.AnnotationFreeze+" is set")
	}
	return found
}
