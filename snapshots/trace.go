package snapshots

import (
	"fmt"
	"slices"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Considered is a snapshot of a volume, with what keeps its claim from getting
// it.
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
	PassedAfter         Passed = "AfterRestoreBefore"
	PassedNotPinned     Passed = "AnotherPinned"
	PassedNoCommonRun   Passed = "NoCommonRun"
	PassedNotNewest     Passed = "NotNewest"
	PassedDoesNotFit    Passed = "DoesNotFit"    // it is the newest good one; the decision's reason tells more
	PassedNotRestorable Passed = "NotRestorable" // the decision was made before any snapshot was looked at
)

// trace is what the stages of a selection have said about snapshots, the newest
// first. Each names those that it leaves out, and why. A nil one notes nothing,
// and costs nothing.
type trace []Considered

// newTrace is the trace of these snapshots. There is nothing to restore from some
// of them.
func newTrace(all []Snapshot) trace {
	t := make(trace, 0, len(all))
	for _, s := range slices.SortedFunc(slices.Values(all), newestFirst) {
		passed := s.unrestorable()
		t = append(t, Considered{s, passed, s.words(passed)})
	}
	return t
}

// words says why there is nothing to restore from the snapshot.
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

// leave notes why a stage has left only the rest, which is sorted.
func (t trace) leave(rest []Snapshot, passed Passed, why string) {
	for i := range t {
		if _, is := slices.BinarySearchFunc(rest, t[i].Snapshot, newestFirst); !is && t[i].Passed == "" {
			t[i].Passed, t[i].Why = passed, why
		}
	}
}

// leavePinned notes that a person has chosen the rest, which is one.
func (t trace) leavePinned(rest []Snapshot) {
	if t != nil {
		t.leave(rest, PassedNotPinned, fmt.Sprintf("VolumeSnapshot %s is the one that %s asks for", rest[0].Name, v1alpha1.AnnotationRestoreNext))
	}
}

// choose notes why the others that are left are not the chosen one.
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
			c.Passed, c.Why = PassedNoCommonRun, "the broker's other lost disks have none of that run"
		default:
			c.Passed, c.Why = PassedNotNewest, "a newer good one is there"
		}
	}
}

// refuse notes why the chosen one cannot be had.
func (t trace) refuse(reason v1alpha1.Reason) {
	if t != nil {
		t.leave(nil, PassedDoesNotFit, "it is the one, but it does not fit: "+string(reason))
	}
}

// undo notes that none of them is looked at, for what the decision says.
func (t trace) undo(reason v1alpha1.Reason) {
	for i := range t {
		if c := &t[i]; c.unrestorable() == "" {
			c.Passed, c.Why = PassedNotRestorable, "no snapshot is looked at: "+string(reason)
		}
	}
}

// find is what is said of one snapshot; nil: it is not in the trace.
func (t trace) find(name string) *Considered {
	i := slices.IndexFunc(t, func(c Considered) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &t[i]
}
