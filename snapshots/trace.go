package snapshots

import (
	"fmt"
	"slices"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Considered is a snapshot of a volume, with the reason why the volume's claim does
// not get it.
type Considered struct {
	Snapshot
	Passed Passed // empty: the claim gets this one
	Why    string // the same in words
}

// Passed is why a snapshot is passed over.
type Passed string

// Why snapshots are passed over.
const (
	PassedTerminating   Passed = "Terminating"
	PassedPruning       Passed = "BeingPruned"
	PassedUnreadable    Passed = "Unreadable"
	PassedNotCut        Passed = "NotCut"
	PassedNotReady      Passed = "NotReady"
	PassedOtherCluster  Passed = "OtherCluster"
	PassedAbandoned     Passed = "Abandoned"
	PassedUnproven      Passed = "UnprovenLineage"
	PassedDamaged       Passed = "Damaged" // a drill found it so
	PassedAfter         Passed = "AfterRestoreBefore"
	PassedNotPinned     Passed = "AnotherPinned"
	PassedNoCommonRun   Passed = "NoCommonRun"
	PassedNotNewest     Passed = "NotNewest"
	PassedDoesNotFit    Passed = "DoesNotFit"    // it is the newest good one; the decision's reason says more
	PassedNotRestorable Passed = "NotRestorable" // the decision does not depend on any snapshot
)

// trace records, for each snapshot, at which stage of a selection it was left out
// and why. The newest comes first. A nil trace records nothing and costs nothing.
type trace []Considered

// newTrace returns a trace of these snapshots. Those that cannot be restored are
// marked already.
func newTrace(all []Snapshot) trace {
	t := make(trace, 0, len(all))
	for _, s := range slices.SortedFunc(slices.Values(all), newestFirst) {
		passed := s.unrestorable()
		t = append(t, Considered{s, passed, s.words(passed)})
	}
	return t
}

// words returns in words why the snapshot cannot be restored.
func (s *Snapshot) words(passed Passed) string {
	switch passed {
	case PassedTerminating:
		return "it is being deleted"
	case PassedUnreadable:
		return "it cannot be read: " + s.Unreadable
	case PassedPruning:
		return "it is marked for pruning, and deleted within minutes"
	case PassedNotCut:
		if s.Failure != "" {
			return "the driver has not taken it: " + s.Failure
		}
		return "the driver has not taken it yet"
	}
	return ""
}

// leave records why a stage has left out all snapshots but the rest, which is
// sorted.
func (t trace) leave(rest []Snapshot, passed Passed, why string) {
	for i := range t {
		if _, is := slices.BinarySearchFunc(rest, t[i].Snapshot, newestFirst); !is && t[i].Passed == "" {
			t[i].Passed, t[i].Why = passed, why
		}
	}
}

// leavePinned records that a person has pinned the rest, which is one snapshot.
func (t trace) leavePinned(rest []Snapshot) {
	if t != nil {
		t.leave(rest, PassedNotPinned, fmt.Sprintf("VolumeSnapshot %s is the one that %s asks for", rest[0].Name, v1alpha1.AnnotationRestoreNext))
	}
}

// choose records why the other snapshots that are left were not chosen.
func (t trace) choose(chosen Snapshot) {
	for i := range t {
		c := &t[i]
		if c.Passed != "" || c.Name == chosen.Name {
			continue
		}
		switch newer := newestFirst(c.Snapshot, chosen) < 0; {
		case !c.Ready && (newer || chosen.Ready):
			c.Passed, c.Why = PassedNotReady, "it is cut but not ready"
		case newer:
			c.Passed, c.Why = PassedNoCommonRun, "the broker's other lost disks have no snapshot of that run"
		default:
			c.Passed, c.Why = PassedNotNewest, "there is a newer good one"
		}
	}
}

// refuse records why the claim cannot get the chosen snapshot.
func (t trace) refuse(reason v1alpha1.Reason) {
	if t != nil {
		t.leave(nil, PassedDoesNotFit, "it would be chosen, but it does not fit: "+string(reason))
	}
}

// undo records that the decision does not depend on any snapshot, with its reason.
func (t trace) undo(reason v1alpha1.Reason) {
	for i := range t {
		if c := &t[i]; c.unrestorable() == "" {
			c.Passed, c.Why = PassedNotRestorable, "no snapshot is looked at: "+string(reason)
		}
	}
}

// find returns the record of one snapshot; nil: it is not in the trace.
func (t trace) find(name string) *Considered {
	i := slices.IndexFunc(t, func(c Considered) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &t[i]
}
