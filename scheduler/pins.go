package scheduler

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// findPins lists the pins in force, and the objects that carry them.
func findPins(ctx context.Context, e *examination) ([]string, error) {
	namespace, err := e.namespace(ctx, e.kb.Namespace)
	if err != nil {
		return nil, err
	}
	found := pinsBefore(namespace.Annotations, "namespace", namespace.Name)
	found = append(found, pinsBefore(e.kb.Annotations, "KafkaBackup", e.kb.Name)...)
	for _, c := range e.seen.claims {
		found = append(found, pinsBefore(c.PVC.Annotations, "claim", c.PVC.Name)...)
	}
	for _, of := range e.seen.cluster.Snapshots { // from all KafkaBackups
		found = append(found, pinsOn(of, e.now)...)
	}
	for hash, of := range e.seen.volumes {
		if _, done := e.seen.cluster.Snapshots[hash]; !done {
			found = append(found, pinsOn(of, e.now)...)
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// pinsBefore names the pin restore-before of an object, if it has one.
func pinsBefore(annotations map[string]string, kind, name string) []string {
	if annotations[v1alpha1.AnnotationRestoreBefore] == "" {
		return nil
	}
	return []string{fmt.Sprintf("%s on %s %s", v1alpha1.AnnotationRestoreBefore, kind, name)}
}

// pinsOn names the pins in force on snapshots.
func pinsOn(all []snapshots.Snapshot, now time.Time) []string {
	var found []string
	for i := range all {
		s := &all[i]
		if s.Unreadable != "" {
			continue
		}
		for _, pin := range s.Pins(now) {
			found = append(found, fmt.Sprintf("%s on VolumeSnapshot %s", pin, s.Name))
		}
	}
	return found
}
