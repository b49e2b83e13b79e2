package scheduler

import (
	"testing"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// TestRunsWithoutSnapshots have no completion: what the trace says of them when the next one begins is
// what has happened.
func TestRunsWithoutSnapshots(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		run  v1alpha1.RunStatus
		want string
	}{
		{"there was no volume", v1alpha1.RunStatus{}, ""},
		{"all were skipped", v1alpha1.RunStatus{Volumes: 2, Skipped: 2}, ""},
		{"all have failed", v1alpha1.RunStatus{Volumes: 2, Failed: 2}, "of 2 of 2 volumes no snapshot could be created"},
		{"one is never ready", v1alpha1.RunStatus{Volumes: 3, Failed: 1, Skipped: 1}, "the next run has begun before all snapshots of this one were ready"},
	} {
		w := newTraced(t)
		run := test.run
		run.ScheduledTime = *at(0)
		w.look(func(s *v1alpha1.KafkaBackupStatus) { s.LastRun = &run })
		w.clock.Advance(time.Hour)
		next := w.ran(ten.Add(time.Hour), 1)
		spans := w.look(func(s *v1alpha1.KafkaBackupStatus) { s.LastRun = &next })
		w.want(spans, "run 0-3600")
		if len(spans) == 1 && spans[0].Status.Description != test.want {
			t.Errorf("%s: %q, want %q", test.name, spans[0].Status.Description, test.want)
		}
	}
}
