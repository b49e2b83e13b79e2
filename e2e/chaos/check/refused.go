package check

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/snapback-dev/snapback/e2e/chaos/history"
	"github.com/snapback-dev/snapback/e2e/chaos/record"
)

// reasons are the closed list, by outcome. A reason of refusals is allowed, too, where
// a person has said that the claim may start empty.
var reasons = map[string][]string{
	"allow": {"NotBrokerVolume", "NotOptedIn", "OptedOut", "DataSourceSet", "VolumeNameSet", "SelectorSet", "OtherRestore", "NoSnapshot", "ScaledUp", "QuorumVolume"},
	"deny": {"QuorumUndecided", "TooSmall", "TooOld", "OtherCluster", "NothingBefore", "DuplicateVolume", "DriverMismatch", "VolumeModeMismatch",
		"InvalidAnnotation", "Orphaned", "Unreadable", "AmbiguousVolume"},
	"restore": {"Restored", "WaitingForSnapshot"},
	"error":   {"Internal"},
}

// longestRefusal is more than any refusal has.
const longestRefusal = 1000

// Each answer has a reason of the closed list that goes with it, and a refusal a text
// that says it without any UID.
var _ = register(Check{Name: "reasons", Run: func(h *history.History) []Violation {
	var found []Violation
	for _, r := range h.Admissions {
		if a := r.Admission; a.Status == http.StatusOK {
			if what := wrongAnswer(a); what != "" {
				found = append(found, Violation{Namespace: a.Namespace, Volume: volumeOf(h, a), Seq: r.Seq,
					What: fmt.Sprintf("%s answered %q about claim %s, %s", a.Replica, a.Decision, a.Name, what)})
			}
		}
	}
	return found
}})

var uid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// wrongAnswer says what is wrong with an answer; empty: nothing.
func wrongAnswer(a *record.Admission) string {
	outcome, reason := decided(a)
	empty := outcome == "allow" && slices.Contains(reasons["deny"], reason)
	switch {
	case !slices.Contains(reasons[outcome], reason) && !empty:
		return "which is none of the reasons"
	case a.Allowed != (outcome == "allow" || outcome == "restore"):
		return fmt.Sprintf("and the apiserver was told allowed=%t", a.Allowed)
	case (outcome == "restore") != (a.Snapshot != ""):
		return fmt.Sprintf("and its source is %q", a.Snapshot)
	case empty && len(a.Warnings) == 0:
		return "without a warning"
	case a.Allowed:
		return ""
	case a.Message == "" || len(a.Message) > longestRefusal:
		return fmt.Sprintf("with a text of %d bytes", len(a.Message))
	case uid.MatchString(a.Message):
		return "with a UID in its text: " + a.Message
	}
	return ""
}

// decided are the outcome and the reason of an answer.
func decided(a *record.Admission) (outcome, reason string) {
	outcome, reason, _ = strings.Cut(a.Decision, " ")
	return outcome, reason
}

// volumeOf is the key of the volume that an answer is about.
func volumeOf(h *history.History, a *record.Admission) string {
	v, _ := h.Layout.VolumeOf(a.Namespace, a.Name)
	return v.Key
}
