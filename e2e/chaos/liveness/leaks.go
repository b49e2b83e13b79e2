package liveness

import (
	"fmt"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// A mark is taken off again, or its snapshot goes, a minute after it was set.
const marked = 3 * time.Minute

// Nothing stays that should go: marked snapshots, those being deleted, pins of
// restores that are over.
var _ = register(Check{Name: "leaks", Run: func(s State) []string {
	var wrong []string
	for i := range s.Snapshots {
		vs := &s.Snapshots[i]
		if since, err := time.Parse(time.RFC3339, vs.Annotations[v1alpha1.AnnotationPruning]); err == nil && s.Now.Sub(since) > marked {
			wrong = append(wrong, fmt.Sprintf("VolumeSnapshot %s/%s has been marked for pruning since %s", vs.Namespace, vs.Name, since))
		}
		if t := vs.DeletionTimestamp; t != nil && t.Time.Before(s.Quiet) { // nothing is in its way since then
			wrong = append(wrong, fmt.Sprintf("VolumeSnapshot %s/%s is being deleted since %s, finalizers %v", vs.Namespace, vs.Name, t, vs.Finalizers))
		}
		if value, ok := vs.Annotations[v1alpha1.AnnotationRestoring]; ok {
			wrong = append(wrong, fmt.Sprintf("VolumeSnapshot %s/%s is still part of the restore %q", vs.Namespace, vs.Name, value))
		}
	}
	return wrong
}})
