package liveness

import (
	"fmt"
	"strings"

	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// What a process of Snapback's may take more than any of its kind did before there
// were faults: another leads now, there are more snapshots, and on a slow machine the
// writes of all runs are under way at once.
const (
	moreGoroutines = 100
	moreMemory     = 100 << 20
)

// Snapback's processes take about what they took before, and each program runs once.
var _ = register(Check{Name: "processes", Run: func(s State) []string {
	var wrong []string
	if len(s.Children) > len(s.Programs) {
		wrong = append(wrong, fmt.Sprintf("%d processes run, and there are %d programs: %s", len(s.Children), len(s.Programs), strings.Join(s.Children, ", ")))
	}
	if s.Before == nil {
		return wrong
	}
	for name, now := range s.Processes {
		before := most(s.Before, kind(name))
		if now.Goroutines > before.Goroutines+moreGoroutines {
			wrong = append(wrong, fmt.Sprintf("%s has %d goroutines, %d were the most before", name, now.Goroutines, before.Goroutines))
		}
		if now.Memory > before.Memory+moreMemory {
			wrong = append(wrong, fmt.Sprintf("%s has %d MiB, %d were the most before", name, now.Memory>>20, before.Memory>>20))
		}
	}
	return wrong
}})

// most is what any process of a kind took.
func most(all map[string]world.Process, of string) (most world.Process) {
	for name, p := range all {
		if kind(name) == of {
			most.Goroutines, most.Memory = max(most.Goroutines, p.Goroutines), max(most.Memory, p.Memory)
		}
	}
	return most
}

// kind is the name of a process without its number.
func kind(name string) string { kind, _, _ := strings.Cut(name, "-"); return kind }
