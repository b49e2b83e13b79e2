package liveness

import (
	"context"
	"fmt"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/world"
)

// A look lists everything there is. Looks that follow each other at once take so much of
// a small machine that its snapshots are not ready in time.
const (
	lookEvery = 2 * time.Second
	sayEvery  = 30 * time.Second
)

// Wait waits until all checks of [Run] hold, and prints from time to time what does not
// yet. After the timeout its error is the last of that.
func Wait(ctx context.Context, w *world.World, timeout time.Duration, quiet time.Time, before map[string]world.Process) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	begin := time.Now()
	said := begin
	var last error
	for {
		err := Run(ctx, w, quiet, before)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil { // what a cut-off call says is of no use
			last = err
		}
		if time.Since(said) >= sayEvery {
			said = time.Now()
			fmt.Printf("Not well after %s: %v\n", said.Sub(begin).Round(time.Second), last)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), last)
		case <-time.After(lookEvery):
		}
	}
}
