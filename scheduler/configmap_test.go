package scheduler_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// configMap creates the ConfigMap that holds a KafkaBackup.
func (f *fixture) configMap(b *snapshotstest.Backup) *corev1.ConfigMap {
	f.Helper()
	cm := snapshotstest.ConfigMapOf(b.In(f.namespace).Obj())
	f.create(cm)
	return cm
}

// untilOn waits until the condition accepts the status in a ConfigMap.
func (f *fixture) untilOn(cm *corev1.ConfigMap, what string, condition func(v1alpha1.KafkaBackupStatus) bool) v1alpha1.KafkaBackupStatus {
	f.Helper()
	var got v1alpha1.KafkaBackupStatus
	f.eventually(func(ctx context.Context) error {
		if err := f.client.Get(ctx, client.ObjectKeyFromObject(cm), cm); err != nil {
			return err
		}
		kb, _ := snapshots.KafkaBackupOfConfigMap(cm)
		if got = kb.Status; !condition(got) {
			return fmt.Errorf("%s: not yet: %+v", what, got)
		}
		return nil
	})
	return got
}

// runsOn moves the clock to the next run of a ConfigMap, and waits until its
// snapshots are ready.
func (f *fixture) runsOn(cm *corev1.ConfigMap) {
	f.Helper()
	status := f.untilOn(cm, "a next run", func(s v1alpha1.KafkaBackupStatus) bool {
		return s.NextScheduleTime != nil && s.NextScheduleTime.After(f.clock.Now())
	})
	at := status.NextScheduleTime.UTC()
	f.clock.Advance(at.Sub(f.clock.Now()))
	f.untilOn(cm, "the run of "+at.String(), func(s v1alpha1.KafkaBackupStatus) bool {
		return s.LastRun != nil && s.LastRun.ScheduledTime.Time.Equal(at) && s.LastRun.CompletionTime != nil
	})
}

func asBackup(cm *corev1.ConfigMap) *v1alpha1.KafkaBackup {
	return &v1alpha1.KafkaBackup{ObjectMeta: metav1.ObjectMeta{Name: cm.Name, UID: cm.UID}}
}

func TestConfigMapRuns(t *testing.T) {
	f := newFixture(t)
	f.brokers(2)
	f.start()
	cm := f.configMap(hourly())
	f.runsOn(cm)
	made := f.snapshots()
	if len(made) != 2 || made[0].Annotations[v1alpha1.AnnotationRestore] != "latest" || made[0].Labels[v1alpha1.LabelBackup] != "hourly" {
		t.Errorf("snapshots: %+v", made)
	}
	f.waitForEvent(asBackup(cm), "SnapshotsReady")
	cm.Data["spec"] += "suspend: true\n"
	if err := f.client.Update(t.Context(), cm); err != nil {
		t.Fatal(err)
	}
	status := f.untilOn(cm, "suspended", func(s v1alpha1.KafkaBackupStatus) bool { return ready(s).Reason == "Suspended" })
	if status.NextScheduleTime != nil || status.LastRun.Ready != 2 {
		t.Errorf("status: %+v", status)
	}
	cm.Data["spec"] += "retention: 7d\n"
	if err := f.client.Update(t.Context(), cm); err != nil {
		t.Fatal(err)
	}
	status = f.untilOn(cm, "the mistake", func(s v1alpha1.KafkaBackupStatus) bool { return ready(s).Status == metav1.ConditionFalse })
	if c := ready(status); c.Reason != "InvalidSpec" || !strings.Contains(c.Message, `unknown field "retention"`) {
		t.Errorf("Ready: %+v", c)
	}
	f.waitForEvent(asBackup(cm), "InvalidSpec")
}

func TestConfigMapInTheShadow(t *testing.T) {
	f := newFixture(t)
	f.brokers(1)
	f.start()
	cm := f.configMap(hourly().Schedule("@every 10m"))
	f.untilOn(cm, "a next run", func(s v1alpha1.KafkaBackupStatus) bool { return s.NextScheduleTime != nil })
	kb := f.backup(hourly())
	status := f.untilOn(cm, "the shadow", func(s v1alpha1.KafkaBackupStatus) bool { return ready(s).Reason == "Shadowed" })
	if status.NextScheduleTime != nil {
		t.Errorf("status: %+v", status)
	}
	f.waitForEvent(asBackup(cm), "Shadowed")
	if at := f.runNext(kb); !at.Equal(kb.CreationTimestamp.Add(time.Hour)) {
		t.Errorf("the KafkaBackup's own schedule expected, it ran at %s", at)
	}
	if n := len(f.snapshots()); n != 1 {
		t.Errorf("%d snapshots, one expected", n)
	}
}

// lateKind is a cluster that gets the kind KafkaBackup later.
type lateKind struct {
	meta.RESTMapper
	known *atomic.Bool
}

func (m lateKind) RESTMapping(kind schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	if kind.Kind == "KafkaBackup" && !m.known.Load() {
		return nil, &meta.NoKindMatchError{GroupKind: kind, SearchedVersions: versions}
	}
	return m.RESTMapper.RESTMapping(kind, versions...)
}

func TestWithoutTheCRD(t *testing.T) {
	f := newFixture(t)
	f.brokers(1)
	known := &atomic.Bool{}
	f.options = func(o *manager.Options) {
		maps.DeleteFunc(o.Cache.ByObject, func(object client.Object, _ cache.ByObject) bool {
			_, ok := object.(*v1alpha1.KafkaBackup)
			return ok
		})
		o.Cache.DefaultNamespaces = map[string]cache.Config{f.namespace: {}}
		o.MapperProvider = func(c *rest.Config, h *http.Client) (meta.RESTMapper, error) {
			mapper, err := apiutil.NewDynamicRESTMapper(c, h)
			return lateKind{mapper, known}, err
		}
	}
	f.start()
	kb := f.backup(snapshotstest.NewBackup("kind", "kafka", cluster.SnapshotClass))
	cm := f.configMap(hourly())
	f.runsOn(cm)
	if err := f.client.Get(t.Context(), client.ObjectKeyFromObject(kb), kb); err != nil || kb.Status.ObservedGeneration != 0 {
		t.Fatalf("a kind that is not there was seen: %+v, %v", kb.Status, err)
	}
	known.Store(true)
	f.clock.Advance(30 * time.Second)
	f.runNext(kb)
	f.runsOn(cm)
}

// TestHostileStatusHoldsUpNobody writes statuses of both forms whose next run was
// due long ago. The schedule has had a time in each minute since then.
func TestHostileStatusHoldsUpNobody(t *testing.T) {
	f := newFixture(t)
	f.brokers(1)
	hostile := v1alpha1.Domain + "status"
	cm := f.configMap(snapshotstest.NewBackup("hostile", "kafka", cluster.SnapshotClass).Schedule("* * * * *").
		Annotate(hostile, "nextScheduleTime: 0001-01-02T00:00:00Z\nconditions:\n- {type: Ready}\n- {type: Ready}\n"))
	kb := f.backup(snapshotstest.NewBackup("edited", "kafka", cluster.SnapshotClass).Schedule("* * * * *"))
	edited := kb.DeepCopy()
	edited.Status = v1alpha1.KafkaBackupStatus{ObservedGeneration: kb.Generation, NextScheduleTime: &metav1.Time{Time: time.Date(2016, 1, 1, 0, 0, 0, 0, time.UTC)},
		LastSuccessfulTime: &metav1.Time{Time: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}}
	if err := f.client.Status().Patch(t.Context(), edited, client.MergeFrom(kb)); err != nil {
		t.Fatal(err)
	}
	f.start()
	f.runNext(f.backup(hourly()))
	f.until(edited, "its own time", func(s v1alpha1.KafkaBackupStatus) bool {
		return s.NextScheduleTime != nil && s.NextScheduleTime.After(kb.CreationTimestamp.Time) && (s.LastSuccessfulTime == nil || s.LastSuccessfulTime.Year() < 9999)
	})
	f.untilOn(cm, "its own time", func(s v1alpha1.KafkaBackupStatus) bool {
		return s.NextScheduleTime != nil && s.NextScheduleTime.After(kb.CreationTimestamp.Time) && len(s.Conditions) > 1 && s.Conditions[1].Type != s.Conditions[0].Type
	})
}
