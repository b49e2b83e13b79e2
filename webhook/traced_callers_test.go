package webhook_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/tracing"
)

// TestCallersTraces has callers name traces, also those who mean no good: a trace that is one
// is linked, and none changes the answer or whether it is recorded.
func TestCallersTraces(t *testing.T) {
	t.Parallel()
	const theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	state := strings.Repeat("k=v,", 20) + "vendor=" + strings.Repeat("x", 200)
	for _, test := range []struct {
		name, annotation string
		header, state    string
		sampler          sdktrace.Sampler
		links            int // -1: nothing is recorded
	}{
		{"both", theirs, theirs, state, sdktrace.AlwaysSample(), 2},
		{"none", "", "", "", sdktrace.AlwaysSample(), 0},
		{"they want it recorded, we do not", theirs, theirs, "", sdktrace.NeverSample(), -1},
		{"they do not record, we do", theirs[:54] + "0", "", "", sdktrace.AlwaysSample(), 1},
		{"no traceparent", "recorded=yes", "'; drop", "", sdktrace.AlwaysSample(), 0},
		{"a megabyte", strings.Repeat(theirs+"-", 20_000), strings.Repeat("0", 1<<20), "", sdktrace.AlwaysSample(), 0},
		{"a state of 32 kilobytes", theirs, theirs, strings.Repeat("x", 32<<10), sdktrace.AlwaysSample(), 2},
	} {
		spans := tracetest.NewInMemoryExporter()
		h := siteOf(hoursAgo(1)).handler(t)
		h.Tracer = tracing.New(sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans), sdktrace.WithSampler(test.sampler), sdktrace.WithIDGenerator(tracing.IDs{})), time.Now)
		body, err := json.Marshal(reviewOf(t, strimziReview, annotate(v1alpha1.AnnotationCallersTraceparent, test.annotation)))
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/mutate-pvc", bytes.NewReader(body))
		r.Header = http.Header{"Content-Type": {"application/json"}, "Traceparent": {test.header}, "Tracestate": {test.state}}
		w := httptest.NewRecorder()
		h.Admission().ServeHTTP(w, r)
		var answer admissionv1.AdmissionReview
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		got := written(t, answer.Response)
		if got[v1alpha1.AnnotationRestoredFrom] == "" || got[v1alpha1.AnnotationCallersTraceparent] != test.annotation {
			t.Errorf("%s: answered %+v", test.name, answer.Response)
		}
		if test.links < 0 {
			if len(spans.GetSpans()) > 0 || got[v1alpha1.AnnotationTraceparent] != "" {
				t.Errorf("%s: recorded", test.name)
			}
			continue
		}
		root := rootOf(t, spans.GetSpans())
		if len(root.Links) != test.links || root.Parent.IsValid() || root.SpanContext.TraceID().String() == theirs[3:35] || root.SpanContext.TraceState().Len() > 0 {
			t.Errorf("%s: %d links, parent %v, trace %s", test.name, len(root.Links), root.Parent, root.SpanContext.TraceID())
		}
		for _, link := range root.Links {
			if link.SpanContext.TraceID().String() != theirs[3:35] || link.SpanContext.TraceState().Len() > 0 {
				t.Errorf("%s: linked is %+v", test.name, link.SpanContext)
			}
		}
	}
}
