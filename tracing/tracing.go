// Package tracing makes the spans of restores and runs, and has their names.
//
// A restore and a run are each one trace, which several processes tell: the webhook
// and the schedulers that lead one after another. What they share is in the cluster:
// an annotation of the claim, or what a run is made of. It uses OpenTelemetry's API
// only; who sends the spans where is set up in cmd/snapback.
package tracing

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/snapback-dev/snapback/scheduler/texts"
)

// scope is the name of the instrumentation scope of all spans.
const scope = "github.com/snapback-dev/snapback"

// Tracer makes spans. nil: tracing is off, and nothing costs anything.
type Tracer struct {
	tracer trace.Tracer
	now    func() time.Time
}

// New returns a tracer whose spans have the times of a clock. The provider must make
// ids with [IDs], or another leader cannot go on with a trace.
func New(p trace.TracerProvider, now func() time.Time) *Tracer {
	return &Tracer{tracer: p.Tracer(scope), now: now}
}

// Span is a span that has begun; nil: there is none.
type Span struct {
	span trace.Span
	now  func() time.Time
}

// Root begins the root of a story at a time. What the context carries of the caller's is only
// linked: whether a trace is recorded is decided here, and not by whoever may create claims.
func (t *Tracer) Root(ctx context.Context, s Story, name string, from time.Time, callers []trace.SpanContext, attributes ...attribute.KeyValue) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	options := []trace.SpanStartOption{trace.WithNewRoot(), trace.WithTimestamp(from), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attributes...)}
	for _, c := range callers {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: c}))
	}
	_, span := t.tracer.Start(context.WithValue(ctx, fixed{}, ids{s.root.TraceID(), s.root.SpanID()}), name, options...)
	return trace.ContextWithSpan(ctx, span), &Span{span, t.now}
}

// Start begins a span now, in the span of the context. Without one there is nothing to
// trace.
func (t *Tracer) Start(ctx context.Context, name string, attributes ...attribute.KeyValue) (context.Context, *Span) {
	if t == nil || !trace.SpanContextFromContext(ctx).IsValid() {
		return ctx, nil
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithTimestamp(t.now()), trace.WithAttributes(attributes...))
	return ctx, &Span{span, t.now}
}

// Set sets attributes.
func (s *Span) Set(attributes ...attribute.KeyValue) {
	if s != nil {
		s.span.SetAttributes(attributes...)
	}
}

// maxWhy is how many bytes of why something has failed a span has: errors of a storage may be
// long, and the queue of spans should not.
const maxWhy = 1024

// Fail says why what the span is of has failed; empty: it has not.
func (s *Span) Fail(why string) {
	if s != nil && why != "" {
		s.span.SetStatus(codes.Error, texts.FirstBytes(why, maxWhy))
	}
}

// End ends the span now. The error is why it failed; nil: it has not.
func (s *Span) End(err error) {
	if s == nil {
		return
	}
	if err != nil {
		s.Fail(err.Error())
	}
	s.span.End(trace.WithTimestamp(s.now()))
}

// Story is the trace of the span; none if it is not recorded.
func (s *Span) Story() (Story, bool) {
	if s == nil || !s.span.SpanContext().IsSampled() {
		return Story{}, false
	}
	return Story{s.span.SpanContext()}, true
}
