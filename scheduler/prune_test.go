package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func keepTwo(s *v1alpha1.KafkaBackupSpec) { s.RetentionCount = ptrTo[int32](2) }

// marked is a KafkaBackup that keeps two snapshots of each volume. It has made a
// third run, and the snapshots of the first one are marked.
type marked struct {
	*fixture
	backup *v1alpha1.KafkaBackup
	runs   []time.Time
	stop   func() // the scheduler
}

func newMarked(t *testing.T, brokers int, more func(*fixture, *v1alpha1.KafkaBackupSpec)) *marked {
	t.Helper()
	f := newFixture(t)
	f.brokers(brokers)
	m := &marked{fixture: f, stop: f.start()}
	m.backup = f.backup(hourly().Spec(keepTwo).Spec(func(s *v1alpha1.KafkaBackupSpec) {
		if more != nil {
			more(f, s)
		}
	}))
	for range 3 {
		m.runs = append(m.runs, f.runNext(m.backup))
	}
	m.mark(m.runs[0])
	return m
}

// of lists the snapshots of a run.
func (m *marked) of(run time.Time) (found []snapshotv1.VolumeSnapshot) {
	m.Helper()
	for _, vs := range m.snapshots() {
		if vs.Labels[v1alpha1.LabelRun] == snapshots.FormatRun(run) {
			found = append(found, vs)
		}
	}
	return found
}

// mark waits until the snapshots of the run are marked, and no others.
func (m *marked) mark(run time.Time) {
	m.Helper()
	m.eventually(func(context.Context) error {
		for _, vs := range m.snapshots() {
			_, marked := vs.Annotations[v1alpha1.AnnotationPruning]
			if marked != (vs.Labels[v1alpha1.LabelRun] == snapshots.FormatRun(run)) {
				return fmt.Errorf("snapshot %s is marked: %t", vs.Name, marked)
			}
		}
		return nil
	})
}

// unmarked waits until a snapshot is not marked.
func (f *fixture) unmarked(name string) {
	f.Helper()
	f.eventually(func(ctx context.Context) error {
		var vs snapshotv1.VolumeSnapshot
		err := f.client.Get(ctx, client.ObjectKey{Namespace: f.namespace, Name: name}, &vs)
		if since, marked := vs.Annotations[v1alpha1.AnnotationPruning]; err == nil && marked {
			return fmt.Errorf("snapshot %s is marked since %s", name, since)
		}
		return err
	})
}

// minute moves the clock on by a minute.
func (m *marked) minute() {
	m.Helper()
	m.clock.Advance(time.Minute)
	m.lookAgain(m.backup)
}

// runsLeft waits until only the snapshots of the runs are left, and others with
// these names.
func (f *fixture) runsLeft(runs []time.Time, others ...string) {
	f.Helper()
	f.eventually(func(context.Context) error {
		want, got := map[string]bool{}, map[string]bool{}
		for _, at := range runs {
			want[snapshots.FormatRun(at)] = true
		}
		for _, name := range others {
			want[name] = true
		}
		for _, vs := range f.snapshots() {
			if run := vs.Labels[v1alpha1.LabelRun]; run != "" && !want[vs.Name] {
				got[run] = true
			} else {
				got[vs.Name] = true
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("%v are left, %v expected", got, want)
		}
		return nil
	})
}

func TestPrune(t *testing.T) {
	m := newMarked(t, 2, nil)
	foreign := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: m.namespace, Name: "by-hand"},
		Spec: snapshotv1.VolumeSnapshotSpec{Source: snapshotv1.VolumeSnapshotSource{PersistentVolumeClaimName: ptrTo("nothing")}}}
	m.create(foreign)
	held := m.of(m.runs[0])[0].Name // within the minute
	m.annotate(&snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: m.namespace, Name: held}}, v1alpha1.AnnotationHold, "INC-1")
	m.unmarked(held)
	m.minute()
	m.runsLeft(m.runs[1:], held, foreign.Name)
	m.waitForEvent(m.backup, "SnapshotsPruned")
}

// TestPruneGoesOnAfterTheLeader stops the scheduler that has marked the
// snapshots. The next one must delete them.
func TestPruneGoesOnAfterTheLeader(t *testing.T) {
	m := newMarked(t, 1, nil)
	m.stop()
	m.clock.Advance(time.Minute)
	m.start()
	m.runs = append(m.runs, m.runNext(m.backup)) // by the next leader, which waits for a minute
	m.eventually(func(context.Context) error {
		for _, vs := range append(m.of(m.runs[0]), m.of(m.runs[1])...) {
			if vs.Annotations[v1alpha1.AnnotationPruning] == "" {
				return fmt.Errorf("%s is not marked", vs.Name)
			}
		}
		return nil
	})
	m.runsLeft(m.runs)
	m.minute()
	m.runsLeft(m.runs[2:])
}

func TestPruneSparesPendingSource(t *testing.T) {
	m := newMarked(t, 2, nil)
	source := m.of(m.runs[0])[0].Name
	slow := m.storageClass(map[string]string{"createAfter": "10h"})
	m.create(snapshotstest.PlainClaim("by-hand").In(m.namespace).Class(slow).From(source).Obj())
	m.minute()
	m.runsLeft(m.runs[1:], source)
	m.unmarked(source)
}

// TestPruneStopsWhileRestoring has a claim of the cluster that is being filled.
func TestPruneStopsWhileRestoring(t *testing.T) {
	m := newMarked(t, 1, nil)
	slow := m.storageClass(map[string]string{"createAfter": "10h"})
	newest := m.of(m.runs[2])[0].Name
	filling := snapshotstest.KoperatorClaim("kafka", 1, "/kafka-logs").In(m.namespace).Class(slow).From(newest).Obj()
	m.create(filling)
	m.clock.Advance(time.Minute)
	m.runs = append(m.runs, m.runNext(m.backup)) // whose look would delete what is marked
	m.runsLeft(m.runs)
	m.delete(filling)
	m.mark(m.runs[1])
	m.runsLeft(m.runs[1:])
	m.minute()
	m.runsLeft(m.runs[2:])
}

func TestFreeze(t *testing.T) {
	m := newMarked(t, 1, nil)
	oldest := m.of(m.runs[0])[0].Name
	m.annotate(m.backup, v1alpha1.AnnotationFreeze, "INC-1")
	m.unmarked(oldest)
	m.runs = append(m.runs, m.runNext(m.backup))
	m.runsLeft(m.runs)
	m.unmarked(m.of(m.runs[1])[0].Name)
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata":{"annotations":{%q:null}}}`, v1alpha1.AnnotationFreeze))
	if err := m.client.Patch(t.Context(), m.backup.DeepCopy(), patch); err != nil {
		t.Fatal(err)
	}
	m.eventually(func(context.Context) error {
		for _, vs := range append(m.of(m.runs[0]), m.of(m.runs[1])...) {
			if vs.Annotations[v1alpha1.AnnotationPruning] == "" {
				return fmt.Errorf("%s is not marked", vs.Name)
			}
		}
		return nil
	})
	m.minute()
	m.runsLeft(m.runs[2:])
}

// TestDeletedBackupSparesItsSnapshots deletes the KafkaBackup within the minute.
func TestDeletedBackupSparesItsSnapshots(t *testing.T) {
	m := newMarked(t, 1, nil)
	m.delete(m.backup)
	m.unmarked(m.of(m.runs[0])[0].Name)
	m.runsLeft(m.runs)
}

// TestPruneWhileCreatesFail fills the quota of the namespace. No controller
// counts the use here, so the test writes it.
func TestPruneWhileCreatesFail(t *testing.T) {
	m := newMarked(t, 1, nil)
	full := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: m.namespace, Name: "full"}}
	full.Spec.Hard = corev1.ResourceList{"count/volumesnapshots.snapshot.storage.k8s.io": resource.MustParse("3")}
	m.create(full)
	full.Status = corev1.ResourceQuotaStatus{Hard: full.Spec.Hard, Used: full.Spec.Hard}
	if err := m.client.Status().Update(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	m.eventually(func(ctx context.Context) error {
		probe := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: m.namespace, Name: "probe"},
			Spec: snapshotv1.VolumeSnapshotSpec{Source: snapshotv1.VolumeSnapshotSource{PersistentVolumeClaimName: ptrTo("nothing")}}}
		err := m.client.Create(ctx, probe)
		if apierrors.IsForbidden(err) {
			return nil
		}
		return errors.Join(fmt.Errorf("the quota is not in force: %w", err), m.client.Delete(ctx, probe))
	})
	next := m.scheduled(m.backup)
	m.clock.Advance(next.Sub(m.clock.Now()))
	m.until(m.backup, "a run that fails", func(s v1alpha1.KafkaBackupStatus) bool {
		return s.LastRun.ScheduledTime.Time.Equal(next) && s.LastRun.Failed == 1
	})
	m.runsLeft(m.runs[1:])
}

// contents lists the VolumeSnapshotContents of the namespace's snapshots.
func (f *fixture) contents(ctx context.Context) (map[string]snapshotv1.VolumeSnapshotContent, error) {
	var list snapshotv1.VolumeSnapshotContentList
	err := f.client.List(ctx, &list)
	contents := map[string]snapshotv1.VolumeSnapshotContent{}
	for _, c := range list.Items {
		if c.Spec.VolumeSnapshotRef.Namespace == f.namespace {
			contents[c.Spec.VolumeSnapshotRef.Name] = c
		}
	}
	return contents, err
}

// policy waits until the content of the snapshot has the deletionPolicy.
func (f *fixture) policy(snapshot string, want snapshotv1.DeletionPolicy) {
	f.Helper()
	f.eventually(func(ctx context.Context) error {
		contents, err := f.contents(ctx)
		if got := contents[snapshot].Spec.DeletionPolicy; err == nil && got != want {
			return fmt.Errorf("the deletionPolicy of %s is %q", snapshot, got)
		}
		return err
	})
}

// TestPruneRetained prunes where the class retains the stored data.
func TestPruneRetained(t *testing.T) {
	m := newMarked(t, 2, func(f *fixture, s *v1alpha1.KafkaBackupSpec) {
		class := &snapshotv1.VolumeSnapshotClass{ObjectMeta: metav1.ObjectMeta{GenerateName: "retain-"},
			Driver: cluster.DriverName, DeletionPolicy: snapshotv1.VolumeSnapshotContentRetain}
		f.create(class)
		f.deleteAfter(class)
		s.VolumeSnapshotClassName = class.Name
	})
	goes, stays := m.of(m.runs[0])[0].Name, m.of(m.runs[0])[1].Name
	m.minute()
	m.policy(goes, snapshotv1.VolumeSnapshotContentDelete)
	m.policy(stays, snapshotv1.VolumeSnapshotContentDelete)
	// One snapshot is held at the last moment: its data must be retained again.
	m.annotate(&snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: m.namespace, Name: stays}}, v1alpha1.AnnotationHold, "INC-1")
	m.policy(stays, snapshotv1.VolumeSnapshotContentRetain)
	m.unmarked(stays)
	m.clock.Advance(5 * time.Second)
	m.lookAgain(m.backup)
	m.runsLeft(m.runs[1:], stays)
	m.eventually(func(ctx context.Context) error {
		contents, err := m.contents(ctx)
		if c, left := contents[goes]; err == nil && left {
			return fmt.Errorf("content %s of %s is left", c.Name, goes)
		}
		return err
	})
	for _, vs := range m.snapshots() {
		m.policy(vs.Name, snapshotv1.VolumeSnapshotContentRetain)
	}
}

// TestPruningGoesOnWithoutStatus has an apiserver that refuses every status.
func TestPruningGoesOnWithoutStatus(t *testing.T) {
	f := newFixture(t)
	var refused atomic.Bool
	f.options = func(o *manager.Options) {
		o.NewClient = func(config *rest.Config, options client.Options) (client.Client, error) {
			c, err := client.NewWithWatch(config, options)
			return interceptor.NewClient(c, interceptor.Funcs{
				SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
					if refused.Load() {
						return errors.New("refused")
					}
					return c.SubResource(sub).Patch(ctx, o, p, opts...)
				},
			}), err
		}
	}
	f.brokers(1)
	f.start()
	kb := f.backup(hourly().Spec(keepTwo))
	f.runNext(kb)
	f.runNext(kb)
	f.scheduled(kb)
	refused.Store(true)
	f.clock.Advance(time.Hour)
	f.eventually(func(context.Context) error {
		f.clock.Advance(20 * time.Second)
		f.lookAgain(kb)
		if all := f.snapshots(); len(all) != 2 || all[0].Labels[v1alpha1.LabelRun] == snapshots.FormatRun(kb.CreationTimestamp.Add(time.Hour)) {
			return fmt.Errorf("%d snapshots", len(all))
		}
		return nil
	})
}
