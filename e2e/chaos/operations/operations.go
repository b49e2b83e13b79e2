// Package operations has what people and accidents do in a chaos run, one file for
// each. None of them may make Snapback break an invariant.
package operations

import (
	"cmp"
	"context"
	"slices"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// Operation is a kind of operation. Do ends when it is done, or within a minute
// with an error, which a fault may be the cause of: it is recorded, and no
// violation.
type Operation struct {
	plan.Kind
	Do func(context.Context, *world.World, plan.Args) error
}

var all []Operation

func register(o Operation) bool { //nolint:unparam // a variable takes it, so that each file registers its own
	all = append(all, o)
	return true
}

// All are the operations by name.
func All() []Operation {
	return slices.SortedFunc(slices.Values(all), func(a, b Operation) int { return cmp.Compare(a.Name, b.Name) })
}
