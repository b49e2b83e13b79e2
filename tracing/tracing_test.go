package tracing_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/tracing"
)

var now = time.Date(2026, time.December, 1, 12, 0, 0, 0, time.UTC)

func newTracer(sampler sdktrace.Sampler) (*tracing.Tracer, *tracetest.InMemoryExporter) {
	spans := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans), sdktrace.WithSampler(sampler), sdktrace.WithIDGenerator(tracing.IDs{}))
	return tracing.New(provider, func() time.Time { return now }), spans
}

// TestOff is what the code that is traced relies on: a tracer that is nil does nothing.
func TestOff(t *testing.T) {
	t.Parallel()
	var off *tracing.Tracer
	ctx, span := off.Root(t.Context(), tracing.NewRestore("kafka", "claim"), "root", now, nil)
	span.Set(tracing.Reason.String("why"))
	span.Fail("why")
	if _, ok := span.Story(); ok || span != nil || ctx != t.Context() {
		t.Error("a tracer that is off has begun a span")
	}
	_, begun := off.Begin(t.Context(), tracing.OfRun("uid", now), "begun")
	begun.End(errors.New("failed"))
	off.Tell(tracing.OfRun("uid", now), tracing.Past{})
	off.TellRoot(tracing.OfRun("uid", now), tracing.Past{})
	off.Within(t.Context(), tracing.Past{})
}

// TestRunsAreTheSame has two leaders tell one run: the trace, its root and a past span are the
// same, spans that each has lived through are not.
func TestRunsAreTheSame(t *testing.T) {
	t.Parallel()
	var all [2]tracetest.SpanStubs
	for i := range all {
		tracer, spans := newTracer(sdktrace.AlwaysSample())
		story := tracing.OfRun("uid", now)
		_, attempt := tracer.Begin(t.Context(), story, "attempt")
		attempt.End(nil)
		tracer.Tell(story, tracing.Past{Name: "cut", Of: "a", From: now, To: now.Add(time.Second)})
		tracer.Tell(story, tracing.Past{Name: "cut", Of: "b", From: now, To: now.Add(-time.Second)}) // the storage's clock is behind
		tracer.TellRoot(story, tracing.Past{Name: "run", From: now, To: now.Add(time.Minute), Failed: "late"})
		all[i] = spans.GetSpans()
	}
	for i, one := range all[0] {
		other := all[1][i]
		if one.SpanContext.TraceID() != other.SpanContext.TraceID() {
			t.Errorf("%s: the traces differ", one.Name)
		}
		if same := one.SpanContext.SpanID() == other.SpanContext.SpanID(); same == (one.Name == "attempt") {
			t.Errorf("%s: the spans are the same: %v", one.Name, same)
		}
		if root := all[0][3]; one.Name != "run" && one.Parent.SpanID() != root.SpanContext.SpanID() {
			t.Errorf("%s is not in the run", one.Name)
		}
		if one.EndTime.Before(one.StartTime) {
			t.Errorf("%s ends before it begins", one.Name)
		}
	}
	root := all[0][3]
	if root.Parent.IsValid() || root.Status.Code != codes.Error || root.EndTime.Sub(root.StartTime) != time.Minute {
		t.Errorf("the root: %+v", root)
	}
	if a, b := all[0][1], all[0][2]; a.SpanContext.SpanID() == b.SpanContext.SpanID() {
		t.Error("two snapshots have one span")
	}
	if other := tracing.OfRun("uid", now.Add(time.Hour)); other.ID() == tracing.OfRun("uid", now).ID() || other.ID() == tracing.OfRun("another", now.Add(time.Hour)).ID() {
		t.Error("two runs have one trace")
	}
}

// TestCallersDoNotDecide begins a root for a caller whose trace is recorded, and for one whose
// trace is not: it is linked, no parent, and the sampler alone decides.
func TestCallersDoNotDecide(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		flags   trace.TraceFlags
		sampler sdktrace.Sampler
		want    int
	}{
		{"the caller records, we do not", trace.FlagsSampled, sdktrace.NeverSample(), 0},
		{"the caller does not record, we do", 0, sdktrace.AlwaysSample(), 1},
	} {
		caller := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: test.flags, Remote: true})
		tracer, spans := newTracer(test.sampler)
		_, root := tracer.Root(trace.ContextWithRemoteSpanContext(context.Background(), caller), tracing.NewRestore("kafka", "claim"), "root", now, []trace.SpanContext{caller})
		story, recorded := root.Story()
		root.End(nil)
		got := spans.GetSpans()
		if len(got) != test.want || recorded != (test.want == 1) {
			t.Errorf("%s: %d spans", test.name, len(got))
		}
		if len(got) == 1 && (got[0].Parent.IsValid() || story.ID() == caller.TraceID().String() || len(got[0].Links) != 1 || got[0].Links[0].SpanContext.TraceID() != caller.TraceID()) {
			t.Errorf("%s: %+v", test.name, got[0])
		}
	}
}

// begun returns a restore that the webhook has begun to record for a claim.
func begun(t *testing.T, namespace, name string) tracing.Story {
	t.Helper()
	tracer, _ := newTracer(sdktrace.AlwaysSample())
	want := tracing.NewRestore(namespace, name)
	_, root := tracer.Root(t.Context(), want, "root", now, nil)
	story, ok := root.Story()
	if !ok || story.ID() != want.ID() {
		t.Fatalf("%s is recorded instead of %s", story.ID(), want.ID())
	}
	return story
}

// TestOfClaim goes on with a trace by what the webhook has written into the annotation of a
// claim, and not by what others may have written there.
func TestOfClaim(t *testing.T) {
	t.Parallel()
	story, generated, other := begun(t, "kafka", "claim"), begun(t, "kafka", "claim-"), begun(t, "kafka", "other")
	unrecorded := strings.TrimSuffix(story.Traceparent(), "1") + "0"
	for _, test := range []struct {
		name, traceparent string
		want              bool
	}{
		{"its own", story.Traceparent(), true},
		{"its own, by generateName", generated.Traceparent(), true},
		{"another claim's", other.Traceparent(), false},
		{"that of the same claim elsewhere", begun(t, "other", "claim").Traceparent(), false},
		{"a run's", tracing.OfRun("uid", now).Traceparent(), false},
		{"made up", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
		{"not recorded", unrecorded, false},
		{"none", "", false},
		{"no traceparent", "yes", false},
		{"zeros", "00-00000000000000000000000000000000-0000000000000000-01", false},
		{"too long", story.Traceparent() + "0", false},
		{"huge", story.Traceparent() + strings.Repeat("-", 1<<20), false},
		{"a short id", "00-" + story.ID() + "-1-01", false},
	} {
		claim := &metav1.ObjectMeta{Namespace: "kafka", Name: "claim", GenerateName: "claim-", Annotations: map[string]string{v1alpha1.AnnotationTraceparent: test.traceparent}}
		again, ok := tracing.OfClaim(claim)
		if ok != test.want || ok && again.Traceparent() != test.traceparent {
			t.Errorf("%s: %q was read as %q, %v", test.name, test.traceparent, again.Traceparent(), ok)
		}
	}
	if again := begun(t, "kafka", "claim"); again.ID() == story.ID() {
		t.Error("two restores of a claim have one trace")
	}
}

func TestTold(t *testing.T) {
	t.Parallel()
	var told tracing.Told
	story, p := tracing.OfRun("uid", now), tracing.Past{Name: "cut", Of: "a"}
	if told.Has(story, p) || !told.First(story, p) || told.First(story, p) || !told.Has(story, p) {
		t.Error("a span is not told once")
	}
	if !told.First(story, tracing.Past{Name: "cut", Of: "b"}) || !told.First(tracing.OfRun("another", now), p) {
		t.Error("another span counts as told")
	}
	for i := range 250_000 {
		told.First(story, tracing.Past{Name: "cut", Of: strconv.Itoa(i)})
		if !told.Has(story, p) { // it is asked about at each look
			t.Fatalf("forgotten after %d others", i)
		}
	}
	if told.Has(story, tracing.Past{Name: "cut", Of: "0"}) {
		t.Error("nothing is ever forgotten")
	}
}

// TestToldOfMany asks about the spans of a large installation in turns, as its looks do: none is told twice.
func TestToldOfMany(t *testing.T) {
	t.Parallel()
	var told tracing.Told
	const spans = 3000 * 31 // of ten restores each, and of a run
	story := tracing.OfRun("uid", now)
	for round := range 2 {
		for i := range spans {
			if first := told.First(story, tracing.Past{Name: "cut", Of: strconv.Itoa(i)}); first != (round == 0) {
				t.Fatalf("round %d: span %d is told for the first time: %v", round, i, first)
			}
		}
	}
}

// TestOffAllocatesNothing is what tracing costs where it is off.
func TestOffAllocatesNothing(t *testing.T) {
	var off *tracing.Tracer
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		ctx, span := off.Start(ctx, "start")
		_, within := off.Begin(ctx, tracing.Story{}, "begun")
		span.Fail("why")
		within.End(nil)
		span.End(nil)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
