package scheduler

import (
	"cmp"
	"context"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/snapback-dev/snapback/scheduler/turns"
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
	bound int // 0: allCreates
	once  sync.Once
	slots *semaphore.Weighted
}

// begin waits until there is room for one create. An error says that the snapshot must
// not be created any more: the context has ended, the run is too late, or its KafkaBackup
// was deleted. Without an error, the caller must call end afterwards.
func (c *creates) begin(ctx context.Context, turn *turns.Turn, name string) error {
	c.once.Do(func() { c.slots = semaphore.NewWeighted(int64(cmp.Or(c.bound, allCreates))) })
	if !c.slots.TryAcquire(1) {
		inTime, cancel := turn.InTime(ctx)
		defer cancel()
		if c.slots.Acquire(inTime, 1) != nil {
			return context.Cause(inTime)
		}
	}
	err := turn.Resume(name)
	if err != nil {
		c.end()
	}
	return err
}

func (c *creates) end() { c.slots.Release(1) }
