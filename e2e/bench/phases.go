package main

import (
	"context"
	"fmt"
	"time"
)

// phase is a step of a part.
type phase struct {
	name string
	do   func(context.Context) error
}

// inTurn runs the phases one after another, and says how long each took.
func inTurn(ctx context.Context, all ...phase) error {
	for _, p := range all {
		start := time.Now()
		if err := p.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		ended(p.name, time.Since(start))
	}
	return nil
}

// durations are those of the part's phases, as text.
var durations []string

func ended(name string, took time.Duration) {
	durations = append(durations, fmt.Sprintf("%s %s", name, took.Round(time.Second)))
	progress("ended after %s: %s", took.Round(100*time.Millisecond), name)
}
