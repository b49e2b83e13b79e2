package check

import (
	"fmt"

	"github.com/snapback-dev/snapback/e2e/chaos/history"
)

// Once faults have stopped, all is well again in time: the checks of liveness say what
// was not.
var _ = register(Check{Name: "alive", Run: func(h *history.History) []Violation {
	var found []Violation
	for _, r := range h.Steps {
		if s := r.Step; s.Kind == "phase" && s.Name == "liveness" && s.End && s.Error != "" {
			found = append(found, Violation{Seq: r.Seq, What: fmt.Sprintf("long after the last fault: %s", s.Error)})
		}
	}
	return found
}})
