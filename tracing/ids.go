package tracing

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"

	"go.opentelemetry.io/otel/trace"
)

// IDs makes the ids of spans: random ones, but for the spans that more than one process may
// tell. It is for the SDK, whose own generator makes random ones only.
type IDs struct{}

// fixed is the key of the [ids] that the next span of a context gets.
type fixed struct{}

type ids struct {
	trace trace.TraceID
	span  trace.SpanID
}

// NewIDs returns the ids of a root.
func (IDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if id, ok := ctx.Value(fixed{}).(ids); ok {
		return id.trace, id.span
	}
	var t trace.TraceID
	for !t.IsValid() {
		binary.NativeEndian.PutUint64(t[:8], rand.Uint64())
		binary.NativeEndian.PutUint64(t[8:], rand.Uint64())
	}
	return t, random()
}

// NewSpanID returns the id of a span in a trace.
func (IDs) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	if id, ok := ctx.Value(fixed{}).(ids); ok {
		return id.span
	}
	return random()
}

func random() (s trace.SpanID) {
	for !s.IsValid() {
		binary.NativeEndian.PutUint64(s[:], rand.Uint64())
	}
	return s
}

// derived is the id of the span of a trace that is called so.
func derived(t trace.TraceID, called string) trace.SpanID {
	sum := sha256.Sum256(append(t[:], called...))
	return trace.SpanID(sum[:8])
}
