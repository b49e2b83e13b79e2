package history

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// pruned returns the n-th prune of a cluster.
func pruned(cluster string, n int) v1alpha1.HistoryEntry {
	return entry(v1alpha1.HistoryPruned, 0, func(e *v1alpha1.HistoryEntry) { e.Cluster, e.SnapshotUID = cluster, fmt.Sprint(cluster, n) })
}

// TestPrunesAreWrittenTogether has a prune of many snapshots, which takes a minute: the
// object, of which each write replaces all, is written a few times.
func TestPrunesAreWrittenTogether(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ aSecond, most int }{
		"a few":         {5, 7},
		"ten thousand":  {170, 31},
		"at full speed": {hurry, 60},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			writes := 0
			w := newWorld(t, interceptor.Funcs{Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
				writes++
				return c.Patch(ctx, o, p, opts...)
			}})
			for i := range 60 * test.aSecond {
				w.Record(pruned("main", i))
				if i%test.aSecond == 0 {
					w.pass(t, time.Second)
				}
			}
			w.Flush(t.Context())
			if writes > test.most || w.lost != 0 || w.pending != 0 {
				t.Errorf("%d writes, %d lost, %d pending", writes, w.lost, w.pending)
			}
			w.Record(given("Restored", "1"))
			w.pass(t, gather)
			if all := w.stored(t).Entries(); all[len(all)-1].Kind != "Restored" {
				t.Errorf("a restore does not wait as long: %+v", all[len(all)-1])
			}
		})
	}
}

// TestManyClustersPruneAtOnce has the hourly prune of a thousand clusters, which goes
// faster than their objects are written.
func TestManyClustersPruneAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, interceptor.Funcs{})
	for i := range 6000 {
		w.Record(pruned(fmt.Sprint("c", i%1000), i))
	}
	if w.lost != 0 || w.pending != 6000 {
		t.Errorf("%d lost, %d pending", w.lost, w.pending)
	}
}

// TestRefusedWriteIsNotHurried has an apiserver that refuses the object, while more and
// more waits: it is not asked more often for that.
func TestRefusedWriteIsNotHurried(t *testing.T) {
	t.Parallel()
	tries := 0
	w := newWorld(t, interceptor.Funcs{Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
		tries++
		return errors.New("no")
	}})
	for i := range 60 {
		for j := range 10 {
			w.Record(distinct("main", 10*i+j))
		}
		w.pass(t, time.Second)
	}
	if most := int(time.Minute / retry); tries > most {
		t.Errorf("%d tries, %d expected", tries, most)
	}
}

// TestQueueGoesWhileOthersAreWritten has queues that have nothing but what was lost. They
// are due, and go to make room for other clusters while the first of them is written.
func TestQueueGoesWhileOthersAreWritten(t *testing.T) {
	t.Parallel()
	var w *world
	w = newWorld(t, interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
		for i := range maxQueues {
			w.Record(pruned(fmt.Sprint("c", i), i))
		}
		return c.List(ctx, list, opts...)
	}})
	for i := range 3 {
		q := w.queueOf(types.NamespacedName{Namespace: "kafka", Name: fmt.Sprint("lost", i)})
		q.lost, q.due = q.lost.with(1, noon), noon
	}
	w.pass(t, 0)
	if n := len(w.queues); n < maxQueues-1 {
		t.Errorf("%d queues", n)
	}
}
