package scheduler

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// parallelCreates is how many creates of one run may be under way at once for
// one CSI driver. Each driver has its own limit, so that a slow one does not
// delay the volumes of another.
const parallelCreates = 32

// allCreates is how many creates of all runs may be under way at once. More would wait in
// the apiserver, take memory there and here, and make it refuse other requests too, such
// as the renewal of the scheduler's lease.
const allCreates = 128

// creates lets only so many creates of all runs go on at once. Its zero value is
// ready for use.
type creates struct {
	once  sync.Once
	slots *semaphore.Weighted
}

// begin waits until there is room for one create; an error: the context has ended
// before. The caller must call end afterwards.
func (c *creates) begin(ctx context.Context) error {
	c.once.Do(func() { c.slots = semaphore.NewWeighted(allCreates) })
	return c.slots.Acquire(ctx, 1)
}

func (c *creates) end() { c.slots.Release(1) }
