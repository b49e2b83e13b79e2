package tracing

import (
	"context"
	"crypto/sha256"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Story is the trace of one restore or run, known by its root.
type Story struct{ root trace.SpanContext }

// OfRun is the story of a run. It follows from what the run is, so that each leader
// that has a part in it tells the same one.
func OfRun(backup types.UID, scheduled time.Time) Story {
	sum := sha256.Sum256([]byte("run/" + string(backup) + "/" + strconv.FormatInt(scheduled.Unix(), 10)))
	id := trace.TraceID(sum[:16])
	return Story{trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: derived(id, "root"), TraceFlags: trace.FlagsSampled, Remote: true})}
}

// NewRestore is a new story of a claim that is created, by its name or generateName. The id
// of the trace follows from the claim and the root's random id: [OfClaim] tells by it
// that a claim's story is its own.
func NewRestore(namespace, claim string) Story {
	root := random()
	return Story{trace.NewSpanContext(trace.SpanContextConfig{TraceID: ofRestore(namespace, claim, root), SpanID: root, Remote: true})}
}

func ofRestore(namespace, claim string, root trace.SpanID) trace.TraceID {
	sum := sha256.Sum256(append([]byte("restore/"+namespace+"/"+claim+"/"), root[:]...))
	return trace.TraceID(sum[:16])
}

// OfClaim is the story that the webhook has begun and recorded with a claim; false: there is
// none. Whoever may write the claim may write the annotation too, so one that was made for
// another claim, as by a copy, does not count.
func OfClaim(claim metav1.Object) (Story, bool) {
	root, ok := Parse(claim.GetAnnotations()[v1alpha1.AnnotationTraceparent])
	if !ok || !root.IsSampled() {
		return Story{}, false
	}
	for _, name := range []string{claim.GetName(), claim.GetGenerateName()} {
		if name != "" && root.TraceID() == ofRestore(claim.GetNamespace(), name, root.SpanID()) {
			return Story{root}, true
		}
	}
	return Story{}, false
}

// Parse reads a traceparent, as the W3C's recommendation Trace Context has it; false: it
// is none.
func Parse(traceparent string) (trace.SpanContext, bool) {
	if traceparent == "" {
		return trace.SpanContext{}, false
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": traceparent})
	c := trace.SpanContextFromContext(ctx)
	return c, c.IsValid()
}

// Traceparent is the form in which an annotation holds the story.
func (s Story) Traceparent() string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(context.Background(), s.root), carrier)
	return carrier["traceparent"]
}

// ID is the id of the trace, as people look for it.
func (s Story) ID() string { return s.root.TraceID().String() }

// Begin begins a span of the story now.
func (t *Tracer) Begin(ctx context.Context, s Story, name string, attributes ...attribute.KeyValue) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	return t.Start(trace.ContextWithRemoteSpanContext(ctx, s.root), name, attributes...)
}

// Past is a span that has ended, with times that the cluster's objects tell.
type Past struct {
	Name       string
	Of         string // what tells it from others of that name in its trace
	From, To   time.Time
	Failed     string // why; empty: it has not
	Attributes []attribute.KeyValue
}

// key tells a past span from all others.
func (p Past) key(s Story) trace.SpanID { return derived(s.root.TraceID(), p.Name+"/"+p.Of) }

// Tell records a past span of the story. Whoever tells it gives it the same id, so that one
// that two leaders tell is the same span.
func (t *Tracer) Tell(s Story, p Past) {
	ctx := trace.ContextWithRemoteSpanContext(context.Background(), s.root)
	t.tell(context.WithValue(ctx, fixed{}, ids{s.root.TraceID(), p.key(s)}), p)
}

// TellRoot records the root of the story.
func (t *Tracer) TellRoot(s Story, p Past) {
	t.tell(context.WithValue(context.Background(), fixed{}, ids{s.root.TraceID(), s.root.SpanID()}), p)
}

func (t *Tracer) tell(ctx context.Context, p Past) context.Context {
	if t == nil {
		return ctx
	}
	ctx, span := t.tracer.Start(ctx, p.Name, trace.WithTimestamp(p.From), trace.WithAttributes(p.Attributes...))
	s := &Span{span, func() time.Time { return later(p.From, p.To) }}
	s.Fail(p.Failed)
	s.End(nil)
	return ctx
}

// later is the second time, or the first one if the second is before it: the times of objects
// are whole seconds, of clocks that differ.
func later(a, b time.Time) time.Time {
	if b.Before(a) {
		return a
	}
	return b
}

// Within records a past span in the span of the context, and returns a context for what is
// within that one.
func (t *Tracer) Within(ctx context.Context, p Past) context.Context {
	if t == nil || !trace.SpanContextFromContext(ctx).IsValid() {
		return ctx
	}
	return t.tell(ctx, p)
}
