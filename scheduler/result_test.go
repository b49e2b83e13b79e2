package scheduler

import (
	"errors"
	"fmt"
	"testing"
)

// TestResultFailures checks that the same failures give the same text, and that
// the text is short for many of them.
func TestResultFailures(t *testing.T) {
	if got := (Result{}).failures(); got != "" {
		t.Errorf("without a failure: %q", got)
	}
	want := "0 failed; 1 failed; 2 failed; and 7 more"
	for range 20 {
		r := Result{Failed: map[string]error{}}
		for i := range 10 {
			r.Failed[fmt.Sprint(i)] = errors.New(fmt.Sprint(i) + " failed")
		}
		if got := r.failures(); got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	}
}
