package webhook

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/tracing"
)

// observed is what a trace tells of an admission, noted while it is answered: its spans are
// made when the decision is known, and of most claims none are. nil: nothing is noted.
type observed struct {
	begun, from time.Time // of the request, and of the decision

	mu    sync.Mutex
	reads []tracing.Past
}

// observe begins to note. Nobody waits for a dry run, so it is not traced.
func (h *Handler) observe(dryRun bool, begun time.Time) *observed {
	if h.Tracer == nil || dryRun {
		return nil
	}
	return &observed{begun: begun, from: time.Now()}
}

// through returns the decider with its reads from the apiserver noted.
func (o *observed) through(d decider) decider {
	if o != nil {
		d.Live = noted{d.Live, o}
	}
	return d
}

// noted is a reader whose reads are noted.
type noted struct {
	client.Reader
	in *observed
}

// Get implements [client.Reader].
func (n noted) Get(ctx context.Context, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
	from := time.Now()
	err := n.Reader.Get(ctx, key, o, options...)
	n.in.note("get "+objectKind(o), from, client.IgnoreNotFound(err))
	return err
}

// List implements [client.Reader].
func (n noted) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	from := time.Now()
	err := n.Reader.List(ctx, list, options...)
	n.in.note("list "+strings.TrimSuffix(objectKind(list), "List"), from, err)
	return err
}

// maxReads is how many reads of one admission have spans.
const maxReads = 32

func (o *observed) note(name string, from time.Time, err error) {
	read := tracing.Past{Name: name, From: from, To: time.Now()}
	if err != nil {
		read.Failed = err.Error()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.reads) < maxReads {
		o.reads = append(o.reads, read)
	}
}

// objectKind is the kind of an object; of one whose kind Go knows, it is often not set.
func objectKind(o runtime.Object) string {
	if kind := o.GetObjectKind().GroupVersionKind().Kind; kind != "" {
		return kind
	}
	_, name, _ := strings.Cut(fmt.Sprintf("%T", o), ".")
	return name
}

// worthTelling reports whether an admission has a trace: of a claim that passes without a word
// there is nothing to tell, and there may be many.
func worthTelling(d snapshots.Decision) bool {
	return d.Outcome != v1alpha1.OutcomeAllow || d.Message != ""
}

// trace makes the spans of an admission, and returns its trace; false: it is not recorded.
func (h *Handler) trace(ctx context.Context, o *observed, req admission.Request, pvc *corev1.PersistentVolumeClaim, d snapshots.Decision) (tracing.Story, bool) {
	if o == nil || !worthTelling(d) {
		return tracing.Story{}, false
	}
	claim := cmp.Or(pvc.Name, pvc.GenerateName)
	ctx, root := h.Tracer.Root(ctx, tracing.NewRestore(req.Namespace, claim), tracing.SpanAdmission, o.begun, callers(ctx, pvc),
		tracing.Namespace(req.Namespace), tracing.Claim(claim), tracing.RequestID.String(string(req.UID)),
		tracing.Outcome.String(string(d.Outcome)), tracing.Reason.String(string(d.Reason)))
	story, recorded := root.Story()
	if !recorded {
		return story, false
	}
	root.Set(found(d)...)
	if d.Outcome != v1alpha1.OutcomeRestore && d.Outcome != v1alpha1.OutcomeAllow {
		root.Fail(d.Message)
	}
	in := h.Tracer.Within(ctx, tracing.Past{Name: tracing.SpanDecide, From: o.from, To: time.Now()})
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, read := range o.reads { // one that is read ahead in vain may have no end yet
		h.Tracer.Within(in, read)
	}
	root.End(nil)
	return story, true
}

// found are the attributes of what the decision is about.
func found(d snapshots.Decision) []attribute.KeyValue {
	if d.Snapshot == nil {
		return nil
	}
	return []attribute.KeyValue{tracing.Snapshot.String(d.Snapshot.Name), tracing.At(tracing.Scheduled, d.Snapshot.Scheduled)}
}

// withTrace returns the decision with the annotation by which others go on with its trace.
func withTrace(d snapshots.Decision, story tracing.Story) snapshots.Decision {
	if d.Outcome != v1alpha1.OutcomeRestore {
		return d
	}
	annotations := map[string]string{v1alpha1.AnnotationTraceparent: story.Traceparent()}
	for key, value := range d.Annotations {
		annotations[key] = value
	}
	d.Annotations = annotations
	return d
}

// callers are the traces in which the claim is created: the apiserver's, and the one that
// the claim names. What else the caller says of a trace, in a tracestate, may be long.
func callers(ctx context.Context, pvc *corev1.PersistentVolumeClaim) (all []trace.SpanContext) {
	if c := trace.SpanContextFromContext(ctx); c.IsValid() {
		all = append(all, c.WithTraceState(trace.TraceState{}))
	}
	if c, ok := tracing.Parse(pvc.Annotations[v1alpha1.AnnotationCallersTraceparent]); ok {
		all = append(all, c)
	}
	return all
}

// withCaller returns the context with the trace that the apiserver names in a request.
func withCaller(ctx context.Context, r *http.Request) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
}
