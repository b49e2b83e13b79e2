package scheduler_test

import (
	"context"
	"net/url"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// outage is a client that does not reach the apiserver when it creates snapshots.
type outage struct {
	client.Client
	away *atomic.Bool
}

func (o outage) Create(ctx context.Context, object client.Object, opts ...client.CreateOption) error {
	if _, ok := object.(*snapshotv1.VolumeSnapshot); ok && o.away.Load() {
		return &url.Error{Op: "Post", URL: "https://apiserver", Err: syscall.ECONNREFUSED}
	}
	return o.Client.Create(ctx, object, opts...)
}

// TestOutageAtTheTimeOfARun has an unreachable apiserver when a run is due.
func TestOutageAtTheTimeOfARun(t *testing.T) {
	f := newFixture(t)
	f.brokers(2)
	away := &atomic.Bool{}
	f.options = func(o *manager.Options) {
		o.NewClient = func(c *rest.Config, options client.Options) (client.Client, error) {
			direct, err := client.New(c, options)
			return outage{direct, away}, err
		}
	}
	f.start()
	kb := f.backup(hourly().Spec(func(s *v1alpha1.KafkaBackupSpec) { s.StartingDeadlineSeconds = ptrTo(int64(300)) }))
	at := f.scheduled(kb)
	away.Store(true)
	f.clock.Advance(at.Sub(f.clock.Now()))
	status := f.until(kb, "the failure", func(s v1alpha1.KafkaBackupStatus) bool { return s.LastRun != nil && s.LastRun.Failed == 2 })
	if c := ready(status); c.Status != metav1.ConditionFalse || c.Reason != "SnapshotFailed" {
		t.Errorf("Ready: %+v", c)
	}
	away.Store(false)
	f.clock.Advance(30 * time.Second)
	f.lookAgain(kb)
	status = f.until(kb, "the second attempt", func(s v1alpha1.KafkaBackupStatus) bool {
		return s.LastRun.ScheduledTime.Time.Equal(at) && s.LastRun.CompletionTime != nil
	})
	if status.LastRun.Failed != 0 || status.LastRun.Ready != 2 || status.MissedRuns != 0 || ready(status).Status != metav1.ConditionTrue {
		t.Errorf("status: %+v", status)
	}
	f.runNext(kb)
}

func TestRunNow(t *testing.T) {
	f := newFixture(t)
	f.brokers(1)
	stop := f.start()
	kb := f.backup(hourly().Spec(func(s *v1alpha1.KafkaBackupSpec) { s.Suspend = true }))
	f.clock.Advance(7 * time.Minute)
	asked := f.clock.Now()
	f.annotate(kb, v1alpha1.AnnotationRunNow, asked.Format(time.RFC3339))
	answered := func(s v1alpha1.KafkaBackupStatus) bool {
		return s.LastRunNow != nil && s.LastRunNow.Time.Equal(asked) && s.LastRun != nil && s.LastRun.CompletionTime != nil
	}
	status := f.until(kb, "the run", answered)
	if !status.LastRun.ScheduledTime.Time.Equal(asked) || len(f.snapshots()) != 1 || status.NextScheduleTime != nil {
		t.Errorf("one run of %s expected: %+v", asked, status)
	}
	stop()
	f.start()
	f.annotate(kb, v1alpha1.AnnotationRunNow, "now")
	status = f.until(kb, "the mistake", func(s v1alpha1.KafkaBackupStatus) bool { return ready(s).Status == metav1.ConditionFalse })
	if c := ready(status); c.Reason != "InvalidAnnotation" {
		t.Errorf("Ready: %+v", c)
	}
	f.clock.Advance(time.Minute)
	asked = f.clock.Now()
	f.annotate(kb, v1alpha1.AnnotationRunNow, asked.Format(time.RFC3339))
	f.until(kb, "the second run", answered)
	if n := len(f.snapshots()); n != 2 {
		t.Errorf("%d snapshots of two runs", n)
	}
}

// TestMissedInDowntimeBesideAnEdit misses a run while no scheduler leads, and
// edits another field in the same time.
func TestMissedInDowntimeBesideAnEdit(t *testing.T) {
	f := newFixture(t)
	f.brokers(1)
	stop := f.start()
	kb := f.backup(hourly())
	at := f.scheduled(kb)
	stop()
	f.edit(kb, func(s *v1alpha1.KafkaBackupSpec) { s.RetentionTime = "24h" })
	f.clock.Advance(at.Add(10 * time.Minute).Sub(f.clock.Now()))
	f.start()
	f.until(kb, "the missed run", func(s v1alpha1.KafkaBackupStatus) bool {
		return s.LastRun != nil && s.LastRun.ScheduledTime.Time.Equal(at) && s.LastRun.Ready == 1
	})
	f.waitForEvent(kb, "MissedRunMadeUp")
}
