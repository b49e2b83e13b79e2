package watched_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
	"github.com/snapback-dev/snapback/snapshots/watched"
)

var noon = time.Date(2026, 2, 21, 12, 0, 0, 0, time.UTC)

func taken(broker, hour int, backup string) *snapshotv1.VolumeSnapshot {
	claim := snapshotstest.KoperatorClaim("kafka", broker, "/kafka-logs").Named(fmt.Sprint("broker-", broker))
	vs := snapshotstest.NewSnapshot(claim, snapshotstest.NewBackup(backup, "kafka", "class"), "driver", noon.Add(time.Duration(hour)*time.Hour)).Ready().Obj()
	vs.ResourceVersion = fmt.Sprint(hour)
	return vs
}

// TestChangedTells tells of each change, also the KafkaBackup that a snapshot was of.
func TestChangedTells(t *testing.T) {
	w := watched.NewStaticSnapshots(snapshots.Snapshot.Watched, taken(0, 1, "hourly"), taken(0, 2, "daily"))
	var told []string
	w.Changed = func(backup types.NamespacedName) { told = append(told, backup.Name) }
	moved := taken(0, 1, "hourly")
	moved.Annotations[v1alpha1.AnnotationBackupName] = "weekly"
	for _, step := range []struct {
		name string
		do   func() error
		want []string
	}{
		{"a new one", func() error { return w.Add(taken(0, 3, "hourly")) }, []string{"hourly"}},
		{"another's changes", func() error { return w.Update(taken(0, 2, "daily")) }, []string{"daily"}},
		{"one changes hands", func() error { return w.Update(moved) }, []string{"hourly", "weekly"}},
		{"one is gone", func() error { return w.Delete(taken(0, 2, "daily")) }, []string{"daily"}},
		{"another list", func() error { return w.Replace([]any{taken(0, 4, "hourly")}, "") }, []string{"hourly", "weekly"}},
	} {
		told = nil
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		slices.Sort(told)
		if told = slices.Compact(told); !slices.Equal(told, step.want) {
			t.Errorf("%s: told %v, want %v", step.name, told, step.want)
		}
	}
}

// TestOwnAfterAChange groups a KafkaBackup's snapshots, those of no other, and the
// spoilt ones apart.
func TestOwnAfterAChange(t *testing.T) {
	spoilt := taken(1, 2, "hourly")
	spoilt.Annotations[v1alpha1.AnnotationCapacity] = "much"
	w := watched.NewStaticSnapshots(snapshots.Snapshot.Watched, taken(0, 1, "hourly"), taken(0, 2, "daily"), taken(1, 1, "hourly"), spoilt)
	key := types.NamespacedName{Namespace: snapshotstest.Namespace, Name: "hourly"}
	known, err := w.Known()
	if err != nil {
		t.Fatal(err)
	}
	before := known.Own(key)
	if err := w.Add(taken(0, 3, "hourly")); err != nil {
		t.Fatal(err)
	}
	after := known.Own(key)
	if len(before.All) != 2 || len(after.All) != 3 || len(after.Volumes) != 2 || len(after.Spoilt) != 1 {
		t.Errorf("%d, then %d of %d volumes, %d spoilt", len(before.All), len(after.All), len(after.Volumes), len(after.Spoilt))
	}
	for _, of := range after.Volumes {
		if !slices.IsSortedFunc(of, func(a, b snapshots.Snapshot) int { return b.Scheduled.Compare(a.Scheduled) }) {
			t.Errorf("not the newest first: %+v", of)
		}
	}
	if s := after.All[0]; s.ResourceVersion == "" || s.Annotations[v1alpha1.AnnotationVolumeHandle] == "" {
		t.Errorf("kept %+v", s)
	}
}

// TestPagesOfAnOldApiserver has an apiserver that cannot stream a list.
func TestPagesOfAnOldApiserver(t *testing.T) {
	asked := make(chan client.ListOptions, 10)
	c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithObjects(taken(0, 1, "hourly"), taken(1, 1, "hourly")).WithInterceptorFuncs(interceptor.Funcs{
		Watch: func(_ context.Context, _ client.WithWatch, _ client.ObjectList, opts ...client.ListOption) (watch.Interface, error) {
			var o client.ListOptions
			o.ApplyOptions(opts)
			if o.Raw.SendInitialEvents != nil {
				return nil, errors.NewBadRequest("sendInitialEvents is forbidden for watch")
			}
			return watch.NewFake(), nil
		},
		List: func(_ context.Context, _ client.WithWatch, into client.ObjectList, opts ...client.ListOption) error {
			var o client.ListOptions
			o.ApplyOptions(opts)
			asked <- o
			list := into.(*snapshotv1.VolumeSnapshotList)
			list.ResourceVersion = "7"
			if o.Continue == "" {
				list.Items, list.Continue = []snapshotv1.VolumeSnapshot{*taken(0, 1, "hourly")}, "more"
				return nil
			}
			list.Items = []snapshotv1.VolumeSnapshot{*taken(1, 1, "hourly")}
			return nil
		},
	}).Build()
	w := watched.NewSnapshots(c, snapshots.Snapshot.Watched)
	go w.Start(t.Context()) //nolint:errcheck // it returns none
	if err := w.WaitForSync(t.Context()); err != nil {
		t.Fatal(err)
	}
	first, second := <-asked, <-asked
	if first.Raw.ResourceVersion != "" || first.Limit == 0 || second.Continue != "more" {
		t.Errorf("asked %+v, then %+v", first, second)
	}
	known, err := w.Known()
	if err != nil {
		t.Fatal(err)
	}
	if own := known.Own(types.NamespacedName{Namespace: snapshotstest.Namespace, Name: "hourly"}); len(own.All) != 2 {
		t.Errorf("%d of 2 are known", len(own.All))
	}
}

// knownUnchanged returns where the name of broker 1's snapshot is in memory.
func knownUnchanged(t *testing.T, w *watched.Snapshots) *byte {
	t.Helper()
	known, err := w.Known()
	if err != nil {
		t.Fatal(err)
	}
	v, _ := snapshots.Identify(snapshotstest.Namespace, snapshotstest.KoperatorClaim("kafka", 1, "/kafka-logs").Named("broker-1").Obj(), nil)
	of := known.Volume(v)
	if len(of) != 1 {
		t.Fatalf("known: %+v", of)
	}
	return unsafe.StringData(of[0].Name)
}

// TestPagesAfterAnEndedWatch has a watch end because it is too old, on an apiserver that
// cannot stream a list. The list that replaces all comes in pages too.
func TestPagesAfterAnEndedWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watches, asked := make(chan *watch.FakeWatcher, 10), make(chan client.ListOptions, 10)
		c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithInterceptorFuncs(interceptor.Funcs{
			Watch: func(_ context.Context, _ client.WithWatch, _ client.ObjectList, opts ...client.ListOption) (watch.Interface, error) {
				var o client.ListOptions
				o.ApplyOptions(opts)
				if o.Raw.SendInitialEvents != nil {
					return nil, errors.NewBadRequest("sendInitialEvents is forbidden for watch")
				}
				w := watch.NewFake()
				watches <- w
				return w, nil
			},
			List: func(_ context.Context, _ client.WithWatch, into client.ObjectList, opts ...client.ListOption) error {
				var o client.ListOptions
				o.ApplyOptions(opts)
				list := into.(*snapshotv1.VolumeSnapshotList)
				list.ResourceVersion, list.Items = "7", []snapshotv1.VolumeSnapshot{*taken(0, len(asked), "hourly"), *taken(1, 1, "hourly")}
				asked <- o
				return nil
			},
		}).Build()
		w := watched.NewSnapshots(c, snapshots.Snapshot.Watched)
		go w.Start(t.Context()) //nolint:errcheck // it returns none
		expired := errors.NewResourceExpired("too old resource version").ErrStatus
		ended := <-watches
		before := knownUnchanged(t, w)
		ended.Error(&expired)
		<-watches
		if <-asked; len(asked) == 0 {
			t.Fatal("not listed again")
		}
		if again := <-asked; again.Limit == 0 {
			t.Errorf("asked for all at once: %+v", again)
		}
		known, err := w.Known()
		if err != nil {
			t.Fatal(err)
		}
		own := known.Own(types.NamespacedName{Namespace: snapshotstest.Namespace, Name: "hourly"})
		if len(own.All) != 2 || own.All[0].ResourceVersion != "1" || own.All[1].ResourceVersion != "1" {
			t.Errorf("known: %+v", own.All)
		}
		if knownUnchanged(t, w) != before {
			t.Error("an unchanged snapshot is in memory again")
		}
	})
}

// BenchmarkHeap reports what a known snapshot takes, with the groups of its KafkaBackup.
func BenchmarkHeap(b *testing.B) {
	b.Run("webhook", func(b *testing.B) { benchmarkHeap(b, snapshots.Snapshot.Lean, false) })
	b.Run("scheduler", func(b *testing.B) { benchmarkHeap(b, snapshots.Snapshot.Watched, true) })
}

func benchmarkHeap(b *testing.B, trim func(snapshots.Snapshot) snapshots.Snapshot, group bool) {
	b.Helper()
	const volumes, each = 1000, 20
	for b.Loop() {
		begun := heap()
		items := make([]any, 0, volumes*each)
		for i := range volumes {
			for n := range each {
				items = append(items, taken(i, n, fmt.Sprint("backup-", i/10)))
			}
		}
		w := watched.NewStaticSnapshots(trim)
		for i := range items {
			items[i] = watched.Kept(items[i], w.Transformer()) // as the reflector's own store has them
		}
		_ = w.Replace(items, "")
		known, _ := w.Known()
		for i := 0; i < volumes/10 && group; i++ {
			known.Own(types.NamespacedName{Namespace: snapshotstest.Namespace, Name: fmt.Sprint("backup-", i)})
		}
		full := heap()
		clear(items)
		b.ReportMetric(float64(full-begun)/volumes/each, "peak-B/snapshot")
		b.ReportMetric(float64(heap()-begun)/volumes/each, "B/snapshot")
		runtime.KeepAlive(w)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
