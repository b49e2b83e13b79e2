package scheduler

import (
	"fmt"
	"maps"
	"slices"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/texts"
	"github.com/snapback-dev/snapback/snapshots"
)

const (
	maxProblems = 10  // how many problems the status lists, as the CRD says
	maxReason   = 256 // bytes of a reason, in the status and in Events
)

// failed are the claims for which the run could not create a snapshot, sorted by
// name.
func (r Result) failed() []v1alpha1.VolumeProblem {
	return problems(r.Failed, error.Error)
}

// skipped are the claims of which no snapshot could be taken when the run came,
// sorted by name.
func (r Result) skipped() []v1alpha1.VolumeProblem {
	return problems(r.Skipped, func(why string) string { return why })
}

func problems[T any](of map[string]T, reason func(T) string) []v1alpha1.VolumeProblem {
	var all []v1alpha1.VolumeProblem
	for _, pvc := range slices.Sorted(maps.Keys(of)) {
		all = append(all, v1alpha1.VolumeProblem{PersistentVolumeClaim: pvc, Reason: texts.FirstBytes(reason(of[pvc]), maxReason)})
	}
	return all
}

// firstOf are the problems that the status lists. Its numbers count all of them.
func firstOf(all []v1alpha1.VolumeProblem) []v1alpha1.VolumeProblem {
	return all[:min(len(all), maxProblems)]
}

// summary is the text of one Event about all problems: their number, and the
// first of them.
func summary(run, what string, all []v1alpha1.VolumeProblem) string {
	told := make([]string, len(all))
	for i, p := range all {
		told[i] = fmt.Sprintf("claim %s: %s", p.PersistentVolumeClaim, p.Reason)
	}
	text := fmt.Sprintf("Run of %s: %d snapshots %s: %s", run, len(all), what, snapshots.FirstOf(told, maxTold, "; "))
	if len(all) > maxTold {
		text += ", see status.lastRun"
	}
	return text
}
