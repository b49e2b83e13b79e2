package watched

import (
	"os"
	"runtime/debug"
)

// gcPercent is how much the heap may grow before the garbage collector runs, in
// percent of what is in use, where there are many snapshots. Most of the heap stays for
// long then, and Go's default of 100 would double it. With few, the collector would
// only run more often.
const gcPercent = 25

// saveMemory sets the garbage collector's target, unless the environment sets it.
func saveMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
