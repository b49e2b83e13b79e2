package inventory

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// signs are the signs of the states of snapshots, in the order of the legend.
var signs = []struct {
	state State
	sign  string
	says  string
}{
	{StateReady, "#", "ready"},
	{StateVerified, "V", "verified: a restore drill found it sound"},
	{StateDamaged, "D", "damaged: a restore drill found it so"},
	{StateNotReady, "c", "cut, not ready"},
	{StateNotCut, "n", "not cut yet"},
	{StateFailed, "F", "failed, may be retried"},
	{StateUnproven, "u", "unproven: the volume came back empty"},
	{StateAbandoned, "a", "abandoned by a restore from an older one"},
	{StateHeld, "H", "held"},
	{StateRestoreNext, "N", "pinned: restore-next"},
	{StatePruning, "p", "marked for pruning"},
	{StateTerminating, "t", "terminating"},
	{StateUnreadable, "?", "unreadable: its labels or annotations were changed"},
}

// States returns all states, in the order of a legend.
func States() []State {
	all := make([]State, len(signs))
	for n := range signs {
		all[n] = signs[n].state
	}
	return all
}

// Sign returns the character that stands for the state in a timeline.
func (s State) Sign() string {
	for n := range signs {
		if signs[n].state == s {
			return signs[n].sign
		}
	}
	return "?"
}

// Says returns the state in words, for a legend.
func (s State) Says() string {
	for n := range signs {
		if signs[n].state == s {
			return signs[n].says
		}
	}
	return string(s)
}

// Runs returns the runs that have snapshots of the volumes, the oldest first.
func Runs(volumes []Volume) []snapshots.RunKey {
	found := map[snapshots.RunKey]bool{}
	var runs []snapshots.RunKey
	for n := range volumes {
		for i := range volumes[n].Snapshots {
			if run := volumes[n].Snapshots[i].Run(); !found[run] {
				found[run] = true
				runs = append(runs, run)
			}
		}
	}
	slices.SortFunc(runs, func(a, b snapshots.RunKey) int {
		return cmp.Or(cmp.Compare(a.Scheduled, b.Scheduled), cmp.Compare(a.Backup, b.Backup))
	})
	return runs
}

// shortID is how much of a lineage's id tells it from others.
const shortID = 8

// LineageOf returns, in words, the lineage of one of the volume's snapshots, and whether
// it is proven.
func (v *Volume) LineageOf(s snapshots.Snapshot) string {
	said := "unproven"
	if v.Proven(s) {
		said = "proven"
	}
	if id := s.Lineage.ID; id != "" {
		said = id[:min(len(id), shortID)] + " (" + said + ")"
	}
	return said
}

// HeldAndPins returns, in words, what keeps a snapshot from being pruned, and its pins
// for the next claim.
func HeldAndPins(s snapshots.Snapshot, now time.Time) (all []string) {
	if reason, ok := s.Annotations[v1alpha1.AnnotationHold]; ok {
		all = append(all, "held: "+cmp.Or(reason, "no reason given"))
	}
	for _, pin := range s.Pins(now) {
		all = append(all, strings.TrimPrefix(pin, v1alpha1.Domain))
	}
	if _, ok := s.Annotations[v1alpha1.AnnotationAbandoned]; ok {
		all = append(all, "abandoned")
	}
	return all
}
