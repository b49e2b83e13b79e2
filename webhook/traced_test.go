package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/tracing"
)

// traced asks a handler whose admissions are traced, and returns its answer and its spans.
func (s site) traced(t *testing.T, sampler sdktrace.Sampler, review *admissionv1.AdmissionReview) (*admissionv1.AdmissionResponse, tracetest.SpanStubs) {
	t.Helper()
	spans := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans), sdktrace.WithSampler(sampler), sdktrace.WithIDGenerator(tracing.IDs{}))
	h := s.handler(t)
	h.Tracer = tracing.New(provider, time.Now)
	var answer admissionv1.AdmissionReview
	if err := json.Unmarshal(post(t.Context(), t, h, review), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Response, spans.GetSpans()
}

// written returns the annotations of the claim after the answer; nil: it sets none.
func written(t *testing.T, answer *admissionv1.AdmissionResponse) map[string]string {
	t.Helper()
	var patch []struct {
		Path  string
		Value json.RawMessage
	}
	if len(answer.Patch) == 0 {
		return nil
	}
	if err := json.Unmarshal(answer.Patch, &patch); err != nil {
		t.Fatal(err)
	}
	var annotations map[string]string
	for _, o := range patch {
		if o.Path == "/metadata/annotations" {
			if err := json.Unmarshal(o.Value, &annotations); err != nil {
				t.Fatal(err)
			}
		}
	}
	return annotations
}

func rootOf(t *testing.T, spans tracetest.SpanStubs) tracetest.SpanStub {
	t.Helper()
	i := slices.IndexFunc(spans, func(s tracetest.SpanStub) bool { return s.Name == tracing.SpanAdmission })
	if i < 0 {
		t.Fatalf("no admission among %d spans", len(spans))
	}
	return spans[i]
}

func value(s tracetest.SpanStub, key attribute.Key) string {
	set := attribute.NewSet(s.Attributes...)
	v, _ := set.Value(key)
	return v.String()
}

// TestRestoreIsTraced asks for a lost claim: its trace has the decision, the reads within it,
// and goes on by the claim's annotation.
func TestRestoreIsTraced(t *testing.T) {
	t.Parallel()
	const caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	before := time.Now()
	answer, spans := siteOf(hoursAgo(1)).traced(t, sdktrace.AlwaysSample(), reviewOf(t, strimziReview, annotate(v1alpha1.AnnotationCallersTraceparent, caller)))
	root := rootOf(t, spans)
	if got := written(t, answer)[v1alpha1.AnnotationTraceparent]; got != fmt.Sprintf("00-%s-%s-01", root.SpanContext.TraceID(), root.SpanContext.SpanID()) {
		t.Errorf("the claim has the trace %q, and %s is recorded", got, root.SpanContext.TraceID())
	}
	if root.Parent.IsValid() || len(root.Links) != 1 || root.Links[0].SpanContext.TraceID().String() != caller[3:35] {
		t.Errorf("the caller's trace is not linked: parent %v, links %v", root.Parent, root.Links)
	}
	for key, want := range map[attribute.Key]string{"k8s.namespace.name": namespace, "k8s.persistentvolumeclaim.name": "data-0-my-cluster-broker-0",
		tracing.Outcome: "restore", tracing.Reason: "Restored", tracing.Snapshot: hoursAgo(1).Obj().Name, tracing.Scheduled: "2026-12-01T11:00:00Z"} {
		if got := value(root, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if root.StartTime.Before(before) || root.EndTime.After(time.Now()) || root.Status.Code != codes.Unset {
		t.Errorf("from %s to %s, %v", root.StartTime, root.EndTime, root.Status)
	}
	decide := slices.IndexFunc(spans, func(s tracetest.SpanStub) bool { return s.Name == tracing.SpanDecide })
	read := slices.IndexFunc(spans, func(s tracetest.SpanStub) bool { return s.Name == "get VolumeSnapshot" })
	if decide < 0 || read < 0 || spans[decide].Parent.SpanID() != root.SpanContext.SpanID() || spans[read].Parent.SpanID() != spans[decide].SpanContext.SpanID() {
		t.Fatalf("the tree is another: %v", spanNames(spans))
	}
	for _, s := range spans {
		if s.SpanContext.TraceID() != root.SpanContext.TraceID() || s.StartTime.Before(root.StartTime) || s.EndTime.After(root.EndTime) {
			t.Errorf("%s is not within the admission", s.Name)
		}
	}
}

func spanNames(spans tracetest.SpanStubs) (all []string) {
	for _, s := range spans {
		all = append(all, s.Name)
	}
	return all
}

// TestTracedAnswers are the admissions that have a trace, and those that have none.
func TestTracedAnswers(t *testing.T) {
	t.Parallel()
	dry := recorded(t, strimziReview)
	dry.Request.DryRun = ptr.To(true)
	down := siteOf(hoursAgo(1))
	down.liveFaults = interceptor.Funcs{Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
		return errors.New("the apiserver is down")
	}}
	for _, test := range []struct {
		name   string
		site   site
		review *admissionv1.AdmissionReview
		want   string // status of the root; empty: there is no trace
	}{
		{"a restore", siteOf(hoursAgo(1)), recorded(t, strimziReview), "Unset"},
		{"a refusal", siteOf(hoursAgo(1)), reviewOf(t, strimziReview, request("1Mi")), "Error"},
		{"nobody knows", down, recorded(t, strimziReview), "Error"},
		{"an empty start of which it warns", siteOf(), recorded(t, strimziReview), "Unset"},
		{"nothing to do", siteOf(hoursAgo(1)), reviewOf(t, strimziReview, annotate(restore, "off")), ""},
		{"a dry run", siteOf(hoursAgo(1)), dry, ""},
	} {
		answer, spans := test.site.traced(t, sdktrace.AlwaysSample(), test.review)
		if test.want == "" {
			if len(spans) != 0 || written(t, answer)[v1alpha1.AnnotationTraceparent] != "" {
				t.Errorf("%s: traced as %v", test.name, spanNames(spans))
			}
			continue
		}
		root := rootOf(t, spans)
		if got := root.Status.Code.String(); got != test.want || !answer.Allowed && root.Status.Description != answer.Result.Message {
			t.Errorf("%s: %s %q, answered %q", test.name, got, root.Status.Description, answer.Result.Message)
		}
	}
}

// TestUntracedClaim has no annotation of a trace: neither one that is not recorded, nor that
// of the claim that it is a copy of.
func TestUntracedClaim(t *testing.T) {
	t.Parallel()
	copied := reviewOf(t, strimziReview, annotate(v1alpha1.AnnotationTraceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
	answer, spans := siteOf(hoursAgo(1)).traced(t, sdktrace.NeverSample(), copied)
	got := written(t, answer)
	if _, there := got[v1alpha1.AnnotationTraceparent]; there || len(spans) != 0 || got[v1alpha1.AnnotationRestoredFrom] == "" {
		t.Errorf("annotations %v, %d spans", got, len(spans))
	}
	if answer, spans = siteOf(hoursAgo(1)).traced(t, sdktrace.AlwaysSample(), copied); written(t, answer)[v1alpha1.AnnotationTraceparent][3:35] != rootOf(t, spans).SpanContext.TraceID().String() {
		t.Error("a copy goes on with the trace of the first")
	}
}

// silent is a collector that never answers.
type silent struct{ over chan struct{} }

func (s silent) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { <-s.over; return nil }
func (silent) Shutdown(context.Context) error                               { return nil }

// TestSilentCollector answers claims while the collector hangs, more than its queue holds:
// each gets its answer, and the spans that nobody takes do not stay.
func TestSilentCollector(t *testing.T) {
	collector := silent{make(chan struct{})}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(collector), sdktrace.WithIDGenerator(tracing.IDs{}))
	h := siteOf(hoursAgo(1)).handler(t)
	h.Tracer = tracing.New(provider, time.Now)
	review := recorded(t, strimziReview)
	ask := func(n int) {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range n / 4 {
					var answer admissionv1.AdmissionReview
					if err := json.Unmarshal(post(t.Context(), t, h, review), &answer); err != nil || answer.Response.Result.Code != http.StatusOK || len(answer.Response.Patch) == 0 {
						t.Errorf("answered %+v, %v", answer.Response, err)
						return
					}
				}
			})
		}
		all.Wait()
	}
	ask(1200) // fills the queue
	full := heap()
	ask(2400)
	if now := heap(); now > full+8<<20 {
		t.Errorf("with the queue full the memory has grown from %d to %d bytes", full, now)
	}
	close(collector.over)
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// heap returns the bytes that are in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
