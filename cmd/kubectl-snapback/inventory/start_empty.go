package inventory

import (
	"maps"
	"slices"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// StartsEmpty tells until when a claim of the volume starts empty by a pin that
// is there, and which snapshot has it.
func (v *Volume) StartsEmpty(now time.Time) (snapshot snapshots.Snapshot, until time.Time, ok bool) {
	for _, s := range snapshots.Candidates(v.Snapshots) {
		if t, err := time.Parse(time.RFC3339, s.Annotations[v1alpha1.AnnotationStartEmptyUntil]); err == nil && now.Before(t) && t.After(until) {
			snapshot, until, ok = s, t, true
		}
	}
	return snapshot, until, ok
}

// IfEmpty is what the webhook would decide if the newest candidate had the pin
// start-empty-until: other things may still refuse the claim.
func (i *Inventory) IfEmpty(v *Volume, until, now time.Time) snapshots.Decision {
	pinned := *v
	pinned.Snapshots = slices.Clone(snapshots.Candidates(v.Snapshots))
	if len(pinned.Snapshots) > 0 {
		newest := &pinned.Snapshots[0]
		newest.Annotations = maps.Clone(newest.Annotations)
		newest.Annotations[v1alpha1.AnnotationStartEmptyUntil] = until.Format(time.RFC3339)
	}
	return i.IfLost(&pinned, now)
}
