package inventory

import (
	"github.com/snapback-dev/snapback/snapshots"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// State is the one thing to know of a snapshot: what first of all keeps it from
// being restored, or people want of it.
type State string

// The states, the first that is true of a snapshot counts.
const (
	StateTerminating State = "Terminating" // it is being deleted
	StatePruning     State = "Pruning"     // marked, and deleted within minutes
	StateUnreadable  State = "Unreadable"  // somebody has changed what tells what it is of
	StateFailed      State = "Failed"      // the driver's last try failed
	StateNotCut      State = "NotCut"      // there is nothing to restore yet
	StateNotReady    State = "NotReady"    // cut, but not ready
	StateRestoreNext State = "RestoreNext" // pinned: the next claim gets it
	StateAbandoned   State = "Abandoned"   // a restore from an older one left it aside
	StateUnproven    State = "Unproven"    // of a volume that came back empty
	StateHeld        State = "Held"        // by people, who keep it from being pruned
	StateReady       State = "Ready"
)

// State tells the state of one of the volume's snapshots.
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
	case marked(v1alpha1.AnnotationHold):
		return StateHeld
	}
	return StateReady
}

// Proven reports whether the snapshot's lineage holds the volume's data: one
// proven snapshot that can be restored from proves all of it. It is as
// snapshots.Candidates has it, but quick: a volume may have thousands.
func (v *Volume) Proven(s snapshots.Snapshot) bool {
	for n := range v.Snapshots {
		o := &v.Snapshots[n]
		_, pruning := o.Annotations[v1alpha1.AnnotationPruning]
		if o.Lineage.Proven && o.Lineage.ID == s.Lineage.ID && !o.Deleting && !o.Cut.IsZero() && !pruning {
			return true
		}
	}
	return false
}
