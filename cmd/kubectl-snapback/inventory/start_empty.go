package inventory

import (
	"maps"
	"slices"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// StartsEmpty returns the snapshot with the pin by which a claim of the volume
// starts empty, and until when; false if there is none.
func (v *Volume) StartsEmpty(now time.Time) (snapshot snapshots.Snapshot, until time.Time, ok bool) {
	for _, s := range snapshots.Candidates(v.Snapshots) {
		if t, err := time.Parse(time.RFC3339, s.Annotations[v1alpha1.AnnotationStartEmptyUntil]); err == nil && now.Before(t) && t.After(until) {
			snapshot, until, ok = s, t, true
		}
	}
	return snapshot, until, ok
}

// IfEmpty returns what the webhook would decide if the newest candidate had the
// pin start-empty-until. The claim may still be refused for other reasons.
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
