package scheduler

import (
	"errors"
	"fmt"
	"testing"
)

// TestResultErr tells the same failures in the same words, and not all of many.
func TestResultErr(t *testing.T) {
	if err := (Result{}).Err(); err != nil {
		t.Errorf("without a failure: %v", err)
	}
	want := "0 failed\n1 failed\n2 failed\nand 7 more"
	for range 20 {
		r := Result{Failed: map[string]error{}}
		for i := range 10 {
			r.Failed[fmt.Sprint(i)] = errors.New(fmt.Sprint(i) + " failed")
		}
		if got := r.Err().Error(); got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	}
}
