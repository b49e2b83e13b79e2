package history

import (
	"slices"
	"strings"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// A claim has no UID yet when the webhook answers, and gets one when it is stored. The
// scheduler sees it afterwards, and its entry has the UID: it is written into the entry of
// the answer too, whichever of the two comes first.

// matched returns an entry that is about to be added, with the UID of its claim if a claim
// was seen that it answered. If it is what was seen, the answer gets the UID.
func (d *Document) matched(e v1alpha1.HistoryEntry) v1alpha1.HistoryEntry {
	if isSighting(e) {
		d.identify(e)
	} else if seen := d.seenAfter(e); seen != nil {
		e.Claim, e.ClaimUID = seen.Claim, seen.ClaimUID
	}
	return e
}

// isSighting reports whether an entry tells that the scheduler has seen a claim.
func isSighting(e v1alpha1.HistoryEntry) bool {
	return e.ClaimUID != "" && (e.Kind == v1alpha1.HistoryVerified || e.Kind == v1alpha1.HistoryFound)
}

// isAnswered reports whether an entry may be the answer to the claim that was seen.
func isAnswered(answer, seen v1alpha1.HistoryEntry) bool {
	switch answer.Kind {
	case v1alpha1.HistoryRestored:
		if seen.Kind == v1alpha1.HistoryVerified && seen.Snapshot != answer.Snapshot {
			return false
		}
	case v1alpha1.HistoryStartedEmpty:
		if seen.Kind != v1alpha1.HistoryFound {
			return false
		}
		if seen.Reason == v1alpha1.ReasonNotRestored && answer.Reason != string(v1alpha1.ReasonInternal) { // nobody asked the webhook: it answered an earlier claim
			return false
		}
	default:
		return false
	}
	return answer.Volume == seen.Volume && answer.Claim != "" && strings.HasPrefix(seen.Claim, answer.Claim)
}

// identify writes the UID of a claim into the last answer to it. An answer that is older
// than an entry with this UID was to an earlier claim.
func (d *Document) identify(seen v1alpha1.HistoryEntry) {
	for i := len(d.lines) - 1; i >= 0; i-- {
		l := &d.lines[i]
		if l.ClaimUID == seen.ClaimUID {
			return
		}
		if !isAnswered(l.HistoryEntry, seen) {
			continue
		}
		if earlier := func(other line) bool { return other.ClaimUID == seen.ClaimUID }; l.ClaimUID == "" && !slices.ContainsFunc(d.lines[:i], earlier) {
			l.Claim, l.ClaimUID = seen.Claim, seen.ClaimUID
			fresh := l.fresh
			*l = newLine(l.HistoryEntry)
			l.fresh = fresh // it keeps its place
		}
		return
	}
}

// seenAfter returns the entry of the claim that an answer was about, if that was written
// first, as when the webhook could not write for a while; nil: there is none.
func (d *Document) seenAfter(answer v1alpha1.HistoryEntry) *v1alpha1.HistoryEntry {
	if answer.ClaimUID != "" || answer.Kind != v1alpha1.HistoryRestored && answer.Kind != v1alpha1.HistoryStartedEmpty {
		return nil
	}
	taken := map[string]bool{} // UIDs that other answers have
	for i := range d.lines {
		if l := &d.lines[i]; !isSighting(l.HistoryEntry) {
			taken[l.ClaimUID] = true
		}
	}
	for i := range d.lines {
		l := &d.lines[i]
		if isSighting(l.HistoryEntry) && isAnswered(answer, l.HistoryEntry) && !taken[l.ClaimUID] && !l.Time.Before(&answer.Time) {
			return &l.HistoryEntry
		}
	}
	return nil
}
