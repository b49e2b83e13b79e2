package webhook

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/tracing"
)

var (
	decisions = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "snapback_admission_decisions_total",
		Help: "Claims answered, by outcome and reason.",
	}, []string{"outcome", "reason"})

	// An answer takes a millisecond. The buckets of controller-runtime's own
	// histogram are too wide for that.
	latency = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "snapback_admission_duration_seconds",
		Help:    "Time to answer a claim, from the decoded request on.",
		Buckets: []float64{.0005, .001, .002, .003, .005, .0075, .01, .015, .025, .05, .1, .25, .5, 1, 2, 4},
	})

	// It is a vector without labels, since a vector has no series until there is a
	// certificate.
	certificateExpiry = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "snapback_webhook_certificate_expiry_timestamp_seconds",
		Help: "When the certificate that is served expires.",
	}, nil)
)

// refusals are the counters that exist from the start, with 0. If a counter began
// with the first refusal, Prometheus would see no increase.
var refusals = map[v1alpha1.Outcome][]v1alpha1.Reason{
	v1alpha1.OutcomeDeny:  v1alpha1.Refusals,
	v1alpha1.OutcomeError: {v1alpha1.ReasonInternal},
	v1alpha1.OutcomeAllow: {v1alpha1.ReasonInternal}, // where the webhook is told to fail open
}

func init() {
	metrics.Registry.MustRegister(decisions, latency, certificateExpiry)
	for outcome, reasons := range refusals {
		for _, reason := range reasons {
			decisions.WithLabelValues(string(outcome), string(reason))
		}
	}
}

// ObserveCertificate exports when the served certificate expires.
func ObserveCertificate(notAfter time.Time) {
	certificateExpiry.WithLabelValues().Set(float64(notAfter.Unix()))
}

// count counts an answer. Where it is traced, the trace is the example of how long it took.
func count(d snapshots.Decision, took time.Duration, story tracing.Story, traced bool) {
	decisions.WithLabelValues(string(d.Outcome), string(d.Reason)).Inc()
	if with, ok := latency.(prometheus.ExemplarObserver); ok && traced {
		with.ObserveWithExemplar(took.Seconds(), prometheus.Labels{"trace_id": story.ID()})
		return
	}
	latency.Observe(took.Seconds())
}
