package ui

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/ui/screen"
)

// TestFindings are made by one run for all who wait, and kept for a minute.
func TestFindings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int32
		goOn := make(chan struct{})
		f := &findings{now: time.Now, examine: func(context.Context) ([]screen.Finding, error) {
			runs.Add(1)
			<-goOn
			return nil, nil
		}}
		for range 5 {
			go func() {
				if _, at, err := f.get(t.Context(), true); err != nil || at.IsZero() {
					t.Errorf("%s, %v", at, err)
				}
			}()
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, _, err := f.get(gone, true); !errors.Is(err, context.Canceled) {
			t.Errorf("who has gone away: %v", err)
		}
		synctest.Wait()
		close(goOn)
		synctest.Wait()
		want := int32(1)
		if got := runs.Load(); got != want {
			t.Errorf("%d runs, want %d", got, want)
		}
		for _, step := range []struct {
			later time.Duration
			fresh bool
			more  int32
		}{{0, false, 0}, {findingsKept - 1, false, 0}, {0, true, 1}, {findingsKept, false, 1}} {
			time.Sleep(step.later)
			want += step.more
			if _, _, err := f.get(t.Context(), step.fresh); err != nil || runs.Load() != want {
				t.Errorf("after %s: %v, %d runs, want %d", step.later, err, runs.Load(), want)
			}
		}
	})
}

// TestFindingsPanic is an error: the checks run aside, where a panic would end the plugin.
func TestFindingsPanic(t *testing.T) {
	t.Parallel()
	f := &findings{now: time.Now, examine: func(context.Context) ([]screen.Finding, error) { panic("no") }}
	if _, _, err := f.get(t.Context(), false); err == nil || !strings.Contains(err.Error(), "a mistake in a check") {
		t.Errorf("%v", err)
	}
}
