package snapshots

import (
	"fmt"
	"slices"
	"time"

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

// PassedOver tells of all snapshots of a volume, the newest first, what keeps
// its claim from getting them: [Decide] restores from the one that nothing
// keeps, if there is one.
func PassedOver(claim Claim, from PolicySource, around Around, all []Snapshot, now time.Time) []Considered {
	decision := Decide(claim, from, around, all, now)
	from.Newest = Carries(all)
	policy, _ := NewPolicy(from) // a mistake in it is the decision's reason
	e := explain(claim, policy, around, all, decision, now)
	considered := make([]Considered, 0, len(all))
	for _, s := range slices.SortedFunc(slices.Values(all), newestFirst) {
		passed, why := e.passed(s)
		considered = append(considered, Considered{s, passed, why})
	}
	return considered
}

// newerPassedOver is the newest ready snapshot that a restore passes over; nil if
// it gets the newest.
func newerPassedOver(claim Claim, policy Policy, around Around, all []Snapshot, d Decision, now time.Time) *Considered {
	var newest *Snapshot
	for i := range all {
		s := &all[i]
		if s.Ready && newestFirst(*s, *d.Snapshot) < 0 && (newest == nil || newestFirst(*s, *newest) < 0) {
			newest = s
		}
	}
	if newest == nil {
		return nil
	}
	passed, why := explain(claim, policy, around, all, d, now).passed(*newest)
	return &Considered{*newest, passed, why}
}

// Good returns the snapshot that stands for the volume's data: the newest ready
// one that no other is preferred to, whatever people have pinned.
func Good(v Volume, policy Policy, all []Snapshot) (Snapshot, bool) {
	ready := without(Candidates(all), func(s *Snapshot) bool { return !s.Ready })
	if len(ready) == 0 {
		return Snapshot{}, false
	}
	return eligible(ready, v, policy)[0], true
}

// explanation follows a decision, step by step.
type explanation struct {
	claim      Claim
	decision   Decision
	policy     Policy
	candidates []Snapshot
	eligible   []Snapshot // of the candidates
	before     []Snapshot // of the eligible ones
	next       string     // name of the one that is pinned
	preferred  string     // name of the one that is restored from, if it fits
	now        time.Time
}

func explain(claim Claim, policy Policy, around Around, all []Snapshot, d Decision, now time.Time) *explanation {
	e := &explanation{claim: claim, policy: policy, decision: d, now: now, candidates: Candidates(all)}
	e.prefer(around)
	return e
}

func (e *explanation) prefer(around Around) {
	switch e.decision.Reason {
	case v1alpha1.ReasonRestored, v1alpha1.ReasonWaitingForSnapshot, v1alpha1.ReasonTooSmall, v1alpha1.ReasonTooOld, v1alpha1.ReasonDriverMismatch, v1alpha1.ReasonVolumeModeMismatch, v1alpha1.ReasonOtherCluster, v1alpha1.ReasonNothingBefore:
	default:
		return // nothing was preferred to anything
	}
	pins, err := pinsOf(e.candidates, e.now)
	if err != nil {
		return
	}
	if pins.next != nil {
		e.next, e.preferred = pins.next.Name, pins.next.Name
		return
	}
	e.eligible = eligible(e.candidates, e.claim.Volume, e.policy)
	if e.before = cutBefore(e.eligible, e.policy); len(e.before) > 0 {
		chosen, _ := choose(e.before, around.Siblings)
		e.preferred = chosen.Name
	}
}

func (e *explanation) passed(s Snapshot) (Passed, string) {
	switch {
	case s.Deleting:
		return PassedTerminating, "it is being deleted"
	case s.Unreadable != "":
		return PassedUnreadable, "it cannot be read: " + s.Unreadable
	case s.marked(v1alpha1.AnnotationPruning):
		return PassedPruning, "it is marked for pruning, and deleted within minutes"
	case s.Cut.IsZero() && s.Failure != "":
		return PassedNotCut, "the driver has not taken it: " + s.Failure
	case s.Cut.IsZero():
		return PassedNotCut, "the driver has not taken it yet"
	case e.preferred == s.Name && e.decision.Outcome == v1alpha1.OutcomeRestore:
		return "", ""
	case e.preferred == s.Name:
		return PassedDoesNotFit, "it is the one, but it does not fit: " + string(e.decision.Reason)
	case e.next != "":
		return PassedNotPinned, fmt.Sprintf("VolumeSnapshot %s is the one that %s asks for", e.next, v1alpha1.AnnotationRestoreNext)
	case e.eligible == nil:
		return PassedNotRestorable, "no snapshot is looked at: " + string(e.decision.Reason)
	case !has(e.eligible, s):
		return e.notEligible(s)
	case !has(e.before, s):
		return PassedAfter, fmt.Sprintf("it was cut after %s, which %s asks for", e.policy[v1alpha1.AnnotationRestoreBefore], v1alpha1.AnnotationRestoreBefore)
	}
	return e.notChosen(s)
}

// notEligible tells which of the preferences has left the snapshot out: one
// that is in force leaves nothing bad behind.
func (e *explanation) notEligible(s Snapshot) (Passed, string) {
	kept := &e.eligible[0]
	switch bad := foreign(e.candidates, e.claim.Volume); {
	case e.policy[v1alpha1.AnnotationRestoreOtherCluster] != v1alpha1.ValueTrue && bad(&s) && !bad(kept):
		return PassedOtherCluster, "it is of an earlier cluster of that name"
	case s.marked(v1alpha1.AnnotationAbandoned) && !kept.marked(v1alpha1.AnnotationAbandoned):
		return PassedAbandoned, "a restore from an older one has left it aside; to get it after all, annotate it with " + v1alpha1.AnnotationRestoreNext + "=true"
	}
	return PassedUnproven, "the volume had come back empty, and nobody knows that its data is good; if it is, annotate its claim with " + v1alpha1.AnnotationPromote + "=true"
}

// notChosen tells why a snapshot is not the one out of those that it could be.
func (e *explanation) notChosen(s Snapshot) (Passed, string) {
	preferred := e.before[slices.IndexFunc(e.before, func(o Snapshot) bool { return o.Name == e.preferred })]
	switch newer := newestFirst(s, preferred) < 0; {
	case !s.Ready && (newer || preferred.Ready):
		return PassedNotReady, "it is cut but not ready"
	case newer:
		return PassedNoCommonRun, "the broker's other lost disks have none of that run"
	}
	return PassedNotNewest, "a newer good one is there"
}

func has(all []Snapshot, s Snapshot) bool {
	for i := range all {
		if all[i].Name == s.Name {
			return true
		}
	}
	return false
}
