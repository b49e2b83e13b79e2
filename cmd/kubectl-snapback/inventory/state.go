package inventory

import (
	"github.com/snapback-dev/snapback/snapshots"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// State is the most important fact about a snapshot: what keeps it from being
// restored, or what people have marked it for.
type State string

// The states. If several apply to a snapshot, the first one counts.
const (
	StateTerminating State = "Terminating" // it is being deleted
	StatePruning     State = "Pruning"     // marked, and deleted within minutes
	StateUnreadable  State = "Unreadable"  // its labels or annotations do not tell its volume any more
	StateFailed      State = "Failed"      // the driver's last try failed
	StateNotCut      State = "NotCut"      // not cut yet, so there is nothing to restore
	StateNotReady    State = "NotReady"    // cut, but not ready
	StateRestoreNext State = "RestoreNext" // pinned: the next claim gets it
	StateAbandoned   State = "Abandoned"   // a restore used an older snapshot
	StateUnproven    State = "Unproven"    // of a volume that came back empty
	StateDamaged     State = "Damaged"     // a restore drill found it so
	StateHeld        State = "Held"        // a person keeps it from being pruned
	StateVerified    State = "Verified"    // ready, and a restore drill found it sound
	StateReady       State = "Ready"
)

// State returns the state of one of the volume's snapshots.
func (v *Volume) State(s snapshots.Snapshot) State {
	marked := func(annotation string) bool { _, ok := s.Annotations[annotation]; return ok }
	switch {
	case s.Deleting:
		return StateTerminating
	case s.Unreadable != "":
		return StateUnreadable
	case marked(v1alpha1.AnnotationPruning):
		return StatePruning
	case !s.Ready && s.Failure != "":
		return StateFailed
	case s.Cut.IsZero():
		return StateNotCut
	case !s.Ready:
		return StateNotReady
	case marked(v1alpha1.AnnotationRestoreNext):
		return StateRestoreNext
	case marked(v1alpha1.AnnotationAbandoned):
		return StateAbandoned
	case !v.Proven(s):
		return StateUnproven
	case s.Damaged:
		return StateDamaged
	case marked(v1alpha1.AnnotationHold):
		return StateHeld
	}
	if verdict, _ := s.Verdict(); verdict.Result == v1alpha1.DrillSound {
		return StateVerified
	}
	return StateReady
}

// Proven reports whether the snapshot's lineage holds the volume's data.
func (v *Volume) Proven(s snapshots.Snapshot) bool {
	return snapshots.InProvenLineage(s, v.Snapshots)
}
