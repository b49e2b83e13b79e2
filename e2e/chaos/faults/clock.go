package faults

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// schedulerAhead is how far the clock of a scheduler goes ahead at most. It makes runs of
// times to come then, and those are not made again: liveness waits a minute for one.
const schedulerAhead = 20 * time.Second

// The clock of one of Snapback's processes goes wrong by minutes, and is right again at
// the end of the fault.
var _ = register(Fault{
	Kind: plan.Kind{Name: "clock", Weight: 12, Longest: 25 * time.Second, Draw: func(r *rand.Rand, _ plan.Layout) plan.Args {
		programs := []string{"webhook-0", "webhook-1", "scheduler-0", "scheduler-1"}
		program := programs[r.IntN(len(programs))]
		by := (10*time.Second + time.Duration(r.Int64N(int64(5*time.Minute)))).Round(time.Second)
		switch ahead := r.IntN(2) == 0; {
		case !ahead:
			by = -by
		case strings.HasPrefix(program, "scheduler-"):
			by = min(by, schedulerAhead)
		}
		return plan.Args{"program": program, "by": by.String()}
	}},
	Begin: func(_ context.Context, w *world.World, args plan.Args) (func() error, error) {
		by, err := time.ParseDuration(args["by"])
		if err != nil {
			return nil, err
		}
		file := w.Stage.ClockFile(args["program"])
		return func() error { return clocks.move(file, -by) }, clocks.move(file, by)
	},
})

// clocks are by how much each clock is wrong, by its file: several faults add up.
var clocks = moved{by: map[string]time.Duration{}}

type moved struct {
	mu sync.Mutex
	by map[string]time.Duration
}

func (m *moved) move(file string, by time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.by[file] += by
	var err error
	if m.by[file] == 0 {
		err = os.Remove(file)
	} else {
		err = os.WriteFile(file, []byte(m.by[file].String()), 0o600)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("move a clock: %w", err)
	}
	return nil
}
