package scheduler_test

import (
	"testing"
	"time"

	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

func (f *fixture) edit(kb *v1alpha1.KafkaBackup, change func(*v1alpha1.KafkaBackupSpec)) {
	f.Helper()
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error { // the scheduler may be writing the status
		if err := f.client.Get(f.Context(), client.ObjectKeyFromObject(kb), kb); err != nil {
			return err
		}
		change(&kb.Spec)
		return f.client.Update(f.Context(), kb)
	})
	if err != nil {
		f.Fatal(err)
	}
}

// observed waits until the scheduler has seen the newest spec.
func (f *fixture) observed(kb *v1alpha1.KafkaBackup) v1alpha1.KafkaBackupStatus {
	f.Helper()
	return f.until(kb, "the new spec", func(s v1alpha1.KafkaBackupStatus) bool { return s.ObservedGeneration == kb.Generation })
}

func TestSuspendAndResume(t *testing.T) {
	f := newFixture(t)
	f.brokers(1)
	f.start()
	kb := f.backup(hourly())
	f.runNext(kb)
	f.edit(kb, func(s *v1alpha1.KafkaBackupSpec) { s.Suspend = true })
	status := f.observed(kb)
	if status.NextScheduleTime != nil || ready(status).Reason != "Suspended" {
		t.Errorf("status of a suspended KafkaBackup: %+v", status)
	}
	f.clock.Advance(5 * time.Hour)
	f.edit(kb, func(s *v1alpha1.KafkaBackupSpec) { s.Suspend = false })
	f.observed(kb)
	next := f.scheduled(kb)
	if n := len(f.snapshots()); n != 1 {
		t.Errorf("%d snapshots: a run was made up for the time of the suspension, or fired at the resumption", n)
	}
	if got := f.runNext(kb); !got.Equal(next) {
		t.Errorf("the run after the resumption was at %s, %s expected", got, next)
	}
}

func TestEditTakesEffectWithoutARun(t *testing.T) {
	f := newFixture(t)
	f.brokers(1)
	f.start()
	kb := f.backup(hourly())
	f.scheduled(kb)
	f.edit(kb, func(s *v1alpha1.KafkaBackupSpec) { s.Schedule = "@every 20m" })
	f.observed(kb)
	if next := f.scheduled(kb); !next.Equal(kb.CreationTimestamp.Add(20 * time.Minute)) {
		t.Errorf("the next run is at %s, 20 minutes after the creation expected", next)
	}
	if n := len(f.snapshots()); n != 0 {
		t.Errorf("the edit has made %d snapshots", n)
	}
	f.runNext(kb)
	f.runNext(kb)
	if n := len(f.snapshots()); n != 2 {
		t.Errorf("%d snapshots after two runs", n)
	}
}

// TestDowntime stops the scheduler over several times of a schedule.
func TestDowntime(t *testing.T) {
	tests := map[string]struct {
		deadline *int64
		late     time.Duration // after the third missed time
		madeUp   bool
		missed   int64
	}{
		"no deadline":          {late: 50 * time.Minute, madeUp: true, missed: 2},
		"within the deadline":  {deadline: ptrTo(int64(300)), late: 4 * time.Minute, madeUp: true, missed: 2},
		"outside the deadline": {deadline: ptrTo(int64(300)), late: 6 * time.Minute, missed: 3},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.brokers(1)
			stop := f.start()
			kb := f.backup(hourly().Spec(func(s *v1alpha1.KafkaBackupSpec) { s.StartingDeadlineSeconds = test.deadline }))
			first := f.scheduled(kb)
			stop()
			f.clock.Advance(first.Add(2*time.Hour + test.late).Sub(f.clock.Now()))
			f.start()
			status := f.until(kb, "the missed runs", func(s v1alpha1.KafkaBackupStatus) bool {
				return s.MissedRuns == test.missed && (!test.madeUp || s.LastRun != nil && s.LastRun.Ready == 1)
			})
			made := f.snapshots()
			if !test.madeUp {
				if len(made) != 0 || status.LastRun != nil {
					t.Fatalf("a run was made up outside the deadline: %+v", status)
				}
				f.waitForEvent(kb, "RunsMissed")
				return
			}
			latest := first.Add(2 * time.Hour)
			if len(made) != 1 || !status.LastRun.ScheduledTime.Time.Equal(latest) {
				t.Errorf("one run, of %s, expected: %d snapshots, %+v", latest, len(made), status.LastRun)
			}
			f.waitForEvent(kb, "MissedRunMadeUp")
			if next := f.scheduled(kb); !next.Equal(latest.Add(time.Hour)) {
				t.Errorf("the next run is at %s, %s expected", next, latest.Add(time.Hour))
			}
		})
	}
}
