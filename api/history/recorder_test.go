package history

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// world is an apiserver, and a recorder whose clock the test moves.
type world struct {
	*Recorder
	c    client.Client
	log  *bytes.Buffer
	now  time.Time
	lost int
}

func newWorld(t *testing.T, funcs interceptor.Funcs, objects ...client.Object) *world {
	t.Helper()
	named := func(o client.Object) []string { return []string{o.GetName()} }
	w := &world{log: &bytes.Buffer{}, now: noon}
	w.c = fake.NewClientBuilder().WithObjects(objects...).WithIndex(&corev1.ConfigMap{}, "metadata.name", named).WithInterceptorFuncs(funcs).Build()
	w.Recorder = w.recorder()
	return w
}

// recorder returns one more process that records.
func (w *world) recorder() *Recorder {
	return &Recorder{Component: Webhook, Out: w.log, Client: w.c, Reader: w.c, Now: func() time.Time { return w.now }, Lost: func(n int) { w.lost += n }}
}

// stored returns the document on the apiserver.
func (w *world) stored(t *testing.T) *Document {
	t.Helper()
	var cm corev1.ConfigMap
	if err := w.c.Get(t.Context(), client.ObjectKey{Namespace: "kafka", Name: "snapback-history-main"}, &cm); err != nil {
		t.Fatal(err)
	}
	return Parse(cm.Data)
}

func (w *world) pass(t *testing.T, d time.Duration) {
	t.Helper()
	w.now = w.now.Add(d)
	w.write(t.Context(), false)
}

func given(kind v1alpha1.HistoryKind, admission string) v1alpha1.HistoryEntry {
	return entry(kind, 0, func(e *v1alpha1.HistoryEntry) { e.Admission = admission })
}

// distinct returns an entry that is no repeat of another one.
func distinct(cluster string, i int) v1alpha1.HistoryEntry {
	return entry("Restored", 0, func(e *v1alpha1.HistoryEntry) {
		e.Cluster, e.Claim, e.Admission = cluster, fmt.Sprint(i), fmt.Sprint(i)
	})
}

func TestRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, interceptor.Funcs{})
	id := w.Record(given("Restored", "1"))
	var line map[string]any
	if err := json.Unmarshal(w.log.Bytes(), &line); err != nil || line["logger"] != "history" || line["id"] != id || line["component"] != "webhook" || line["time"] != "2026-03-01T12:00:00Z" {
		t.Errorf("the log has at once: %s, %v", w.log, err)
	}
	w.pass(t, gather)
	second := w.recorder() // another replica
	second.Record(given("Refused", "2"))
	w.now = w.now.Add(gather)
	second.Flush(t.Context())
	if all := w.stored(t).Entries(); len(all) != 2 || all[0].ID != id || all[1].Kind != "Refused" {
		t.Errorf("%+v", all)
	}
	if lines := strings.Count(w.log.String(), "\n"); lines != 2 {
		t.Errorf("%d lines", lines)
	}
	w.Record(v1alpha1.HistoryEntry{Kind: "Refused", Namespace: "kafka"}) // of no known cluster: the log alone has it
	if lines := strings.Count(w.log.String(), "\n"); lines != 3 || w.pending != 0 {
		t.Errorf("%d lines, %d pending", lines, w.pending)
	}
	w.Log(given("Refused", "3")) // nobody else knows this cluster
	if lines := strings.Count(w.log.String(), "\n"); lines != 4 || w.pending != 0 {
		t.Errorf("%d lines, %d pending", lines, w.pending)
	}
	var none *Recorder
	none.Record(given("Restored", "1"))
	none.Log(given("Restored", "1"))
}

// TestRepeatsWait has an operator that tries again every second for ten minutes: the
// object is written about once a minute.
func TestRepeatsWait(t *testing.T) {
	t.Parallel()
	writes := 0
	w := newWorld(t, interceptor.Funcs{Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
		writes++
		return c.Patch(ctx, o, p, opts...)
	}})
	for i := range 600 {
		w.Record(given("Refused", fmt.Sprint(i)))
		w.pass(t, time.Second)
	}
	w.Flush(t.Context())
	if all := w.stored(t).Entries(); len(all) != 1 || all[0].Count != 600 || all[0].Admission != "599" || writes > 12 {
		t.Errorf("%d writes, %+v", writes, all)
	}
	w.Record(given("Restored", "600"))
	w.pass(t, gather)
	if n := len(w.stored(t).Entries()); n != 2 {
		t.Errorf("%d entries: a restore is written at once", n)
	}
}

// TestManyWriteAtOnce has replicas that write the same object.
func TestManyWriteAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, interceptor.Funcs{})
	w.Out = &bytes.Buffer{}
	var group sync.WaitGroup
	for i := range 4 {
		r := w.recorder()
		r.Out = &bytes.Buffer{}
		r.Record(distinct("main", i))
		group.Go(func() {
			for r.pending > 0 {
				r.Flush(t.Context())
			}
		})
	}
	group.Wait()
	if n := len(w.stored(t).Entries()); n != 4 {
		t.Errorf("%d entries", n)
	}
}

// TestAmbiguousWrite has a write that the apiserver carries out, and whose answer is
// lost.
func TestAmbiguousWrite(t *testing.T) {
	t.Parallel()
	fail := true
	w := newWorld(t, interceptor.Funcs{Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
		return errors.Join(c.Create(ctx, o, opts...), map[bool]error{true: errors.New("connection reset")}[fail])
	}})
	w.Record(given("Refused", "1"))
	w.pass(t, gather)
	fail = false
	w.Record(given("Refused", "2"))
	w.pass(t, retry)
	w.pass(t, gatherRepeats)
	if all := w.stored(t).Entries(); len(all) != 1 || all[0].Count != 2 {
		t.Errorf("two refusals expected: %+v", all)
	}
}

// TestHangingApiserver has an apiserver that does not answer: nobody waits for it, what
// waits is bounded, and what is lost is counted and said.
func TestHangingApiserver(t *testing.T) {
	t.Parallel()
	hang, asked := true, make(chan struct{}, 1)
	w := newWorld(t, interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
		if hang {
			asked <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}
		return c.List(ctx, list, opts...)
	}})
	w.Record(given("Restored", "first"))
	w.now = w.now.Add(gather)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { w.write(ctx, false) })
	<-asked
	for i := range 3 * maxWaiting { // none of these waits for the write that hangs
		w.Record(distinct("main", i))
	}
	cancel()
	group.Wait()
	if w.pending != maxWaiting || w.lost != 2*maxWaiting+1 || len(w.queues) != 1 {
		t.Errorf("%d pending, %d lost in %d queues", w.pending, w.lost, len(w.queues))
	}
	hang = false
	w.pass(t, retry)
	w.pass(t, gather)
	d := w.stored(t)
	dropped := 0
	if d.Summary.Dropped != nil {
		dropped = d.Summary.Dropped.Count
	}
	if n := len(d.Entries()) + dropped; n != maxWaiting || d.Summary.Lost == nil || d.Summary.Lost.Count != 2*maxWaiting+1 || w.pending != 0 {
		t.Errorf("%d entries, lost %+v, %d pending", n, d.Summary.Lost, w.pending)
	}
}

// TestRefusedForLong has an apiserver that does not take the object, as by a quota.
func TestRefusedForLong(t *testing.T) {
	t.Parallel()
	full := true
	w := newWorld(t, interceptor.Funcs{Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
		if full {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, o.GetName(), errors.New("exceeded quota"))
		}
		return c.Create(ctx, o, opts...)
	}})
	w.Record(given("Restored", "1"))
	for w.now.Before(noon.Add(giveUp + time.Minute)) {
		w.pass(t, retry)
	}
	if w.lost != 1 || w.pending != 0 {
		t.Errorf("%d lost, %d pending", w.lost, w.pending)
	}
	full = false
	w.Record(given("Restored", "2"))
	w.pass(t, gather)
	if d := w.stored(t); len(d.Entries()) != 1 || d.Summary.Lost == nil || d.Summary.Lost.Count != 1 {
		t.Errorf("%+v, lost %+v", d.Entries(), d.Summary.Lost)
	}
}

// TestFlushWritesAll has a batch that could not be written, and an entry since.
func TestFlushWritesAll(t *testing.T) {
	t.Parallel()
	fail := true
	w := newWorld(t, interceptor.Funcs{Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
		if fail {
			return errors.New("no")
		}
		return c.Create(ctx, o, opts...)
	}})
	w.Record(distinct("main", 1))
	w.pass(t, gather)
	w.Record(distinct("main", 2))
	fail = false
	w.Flush(t.Context())
	if n := len(w.stored(t).Entries()); n != 2 || w.pending != 0 {
		t.Errorf("%d entries, %d pending", n, w.pending)
	}
}

func TestLogAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, interceptor.Funcs{})
	w.Client = nil
	w.Record(given(v1alpha1.HistoryRefused, "a"))
	if w.pending != 0 || !strings.Contains(w.log.String(), `"kind":"Refused"`) {
		t.Errorf("%d entries wait for a ConfigMap, and the log is %q", w.pending, w.log)
	}
}
