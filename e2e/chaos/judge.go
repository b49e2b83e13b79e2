package main

import (
	"fmt"
	"os"

	"github.com/snapback-dev/snapback/e2e/chaos/check"
	"github.com/snapback-dev/snapback/e2e/chaos/history"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
)

// shown is how many violations are told with their timelines.
const shown = 5

// judge runs the checks on a record, and tells what it has found.
func judge(path string, layout plan.Layout) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read the record: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	h, err := history.Read(file, layout)
	if err != nil {
		return err
	}
	fmt.Print(history.Summarize(h))
	violations := check.Run(h)
	for i, v := range violations {
		fmt.Printf("\nVIOLATION of %s, %s, record %d: %s\n", v.Check, v.Volume, v.Seq, v.What)
		if i < shown {
			if err := printTimeline(os.Stdout, path, v); err != nil {
				return err
			}
		}
	}
	if len(violations) > 0 {
		return fmt.Errorf("%w: %d violations", errViolated, len(violations))
	}
	return nil
}
