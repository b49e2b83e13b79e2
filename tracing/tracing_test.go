package tracing_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

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
	ctx, span := off.Root(t.Context(), "root", now, nil)
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
		_, root := tracer.Root(trace.ContextWithRemoteSpanContext(context.Background(), caller), "root", now, []trace.SpanContext{caller})
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

// TestTraceparent goes on with a trace by what the webhook has written into an annotation.
func TestTraceparent(t *testing.T) {
	t.Parallel()
	story := tracing.OfRun("uid", now)
	again, ok := tracing.OfClaim(map[string]string{v1alpha1.AnnotationTraceparent: story.Traceparent()})
	if !ok || again.ID() != story.ID() || again.Traceparent() != story.Traceparent() {
		t.Errorf("%q was read as %q, %v", story.Traceparent(), again.Traceparent(), ok)
	}
	for _, spoilt := range []string{"", "yes", "00-00000000000000000000000000000000-0000000000000000-01", story.Traceparent() + "0", "00-" + story.ID() + "-1-01"} {
		if _, ok := tracing.OfClaim(map[string]string{v1alpha1.AnnotationTraceparent: spoilt}); ok {
			t.Errorf("%q was read", spoilt)
		}
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
}
