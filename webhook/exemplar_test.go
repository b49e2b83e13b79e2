package webhook

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/tracing"
)

// TestExemplar scrapes the histogram of an answer that is traced, as Prometheus does where
// exemplars are served: the bucket names the trace.
func TestExemplar(t *testing.T) {
	story := tracing.OfRun("uid", time.Unix(0, 0))
	count(snapshots.Decision{Outcome: v1alpha1.OutcomeRestore, Reason: v1alpha1.ReasonRestored}, 700*time.Microsecond, story, true)
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(metrics.Registry, promhttp.HandlerOpts{EnableOpenMetrics: true}).ServeHTTP(answer, request)
	if want := `snapback_admission_duration_seconds_bucket{le="0.001"} `; !strings.Contains(answer.Body.String(), want) {
		t.Fatalf("no %s", want)
	}
	if want := `# {trace_id="` + story.ID() + `"} 0.0007`; !strings.Contains(answer.Body.String(), want) {
		t.Errorf("no bucket has the exemplar %s", want)
	}
}
