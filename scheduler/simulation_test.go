package scheduler

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
)

var (
	simulationSeed  = flag.Uint64("seed", 0, "simulate only this seed")
	simulationSeeds = flag.Int("seeds", 25, "how many seeds are simulated")
	simulationHours = flag.Int("hours", 400, "hours that are simulated of each seed")
)

// simulate runs the history of one seed. It returns the violation, with everything
// that is needed to reproduce it.
func simulate(t *testing.T, seed uint64, hours int, o options) (err error) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		w := newWorld(seed, o)
		if violation := w.live(hours); violation != nil {
			last := w.actions[max(0, len(w.actions)-30):]
			err = fmt.Errorf("seed %d, step %d: %w\n%s\nagain: go test ./scheduler -run TestSimulation -seed %d -hours %d",
				seed, w.step, violation, strings.Join(last, "\n"), seed, hours)
		}
		t.Logf("seed %d: %d steps, %d writes, %d snapshots made", seed, w.step, w.store.written, len(w.ledger.made))
	})
	return err
}

// TestSimulationOfFewCreates lets runs wait for each other's creates. Which of them waits
// depends on the Go scheduler too, so that a seed does not repeat the same history.
func TestSimulationOfFewCreates(t *testing.T) {
	for seed := uint64(1); seed <= 3; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			if err := simulate(t, seed, min(*simulationHours, 400), options{creates: 1}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSimulation runs random histories of a cluster, and checks the design's
// invariants after each step.
func TestSimulation(t *testing.T) {
	first, last := uint64(1), uint64(*simulationSeeds)
	if testing.Short() {
		last = min(last, 2)
	}
	if *simulationSeed != 0 {
		first, last = *simulationSeed, *simulationSeed
	}
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			if err := simulate(t, seed, *simulationHours, options{}); err != nil {
				t.Error(err)
			}
		})
	}
}
