package webhook

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/snapback-dev/snapback/snapshots"
)

var (
	decisions = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "snapback_admission_decisions_total",
		Help: "Claims answered, by outcome and reason.",
	}, []string{"outcome", "reason"})

	// An answer takes a millisecond; the buckets of controller-runtime's own
	// histogram are decades.
	latency = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "snapback_admission_duration_seconds",
		Help:    "Time to answer a claim, from the decoded request on.",
		Buckets: []float64{.0005, .001, .002, .003, .005, .0075, .01, .015, .025, .05, .1, .25, .5, 1, 2, 4},
	})
)

func init() { metrics.Registry.MustRegister(decisions, latency) }

func count(d snapshots.Decision, took time.Duration) {
	decisions.WithLabelValues(string(d.Outcome), string(d.Reason)).Inc()
	latency.Observe(took.Seconds())
}
