// Package check decides from the history of a chaos run whether each of Snapback's
// invariants held, one file for each. The checks are pure, and do not ask Snapback's
// own code what would have been right.
package check

import (
	"cmp"
	"slices"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/history"
)

// Violation is an invariant that did not hold.
type Violation struct {
	Check     string
	Namespace string
	Volume    string // key
	Seq       int64  // of the record that shows it
	What      string
}

// Check decides about one invariant.
type Check struct {
	Name string
	Run  func(*history.History) []Violation
}

var all []Check

func register(c Check) bool { //nolint:unparam // a variable takes it, so that each file registers its own
	all = append(all, c)
	return true
}

// All are the checks by name.
func All() []Check {
	return slices.SortedFunc(slices.Values(all), func(a, b Check) int { return cmp.Compare(a.Name, b.Name) })
}

// Run runs all checks. The violations are in the order of their records.
func Run(h *history.History) []Violation {
	var found []Violation
	for _, c := range All() {
		for _, v := range c.Run(h) {
			v.Check = c.Name
			found = append(found, v)
		}
	}
	slices.SortStableFunc(found, func(a, b Violation) int { return cmp.Compare(a.Seq, b.Seq) })
	return found
}

// grace is how long something must have been so before Snapback had to know it:
// what happens at the same time has no order.
const grace = 3 * time.Second
