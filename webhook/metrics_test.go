package webhook

import (
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// series returns the number of series of a metric.
func series(t *testing.T, c prometheus.Collector) int {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, family := range families {
		n += len(family.GetMetric())
	}
	return n
}

// A counter of refusals must exist from the start: otherwise the first refusal raises
// no alert.
func TestRefusalsAreCountedFromZero(t *testing.T) {
	content, err := os.ReadFile("../docs/decisions.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented int
	for _, match := range regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\|[^|]*\\| 403 \\|").FindAllSubmatch(content, -1) {
		documented++
		reason := v1alpha1.Reason(match[1])
		if !slices.Contains(refusals[v1alpha1.OutcomeDeny], reason) {
			t.Errorf("%s is not counted from 0 on", reason)
		}
	}
	if documented != len(refusals[v1alpha1.OutcomeDeny]) {
		t.Errorf("%d refusals are documented, %d counted", documented, len(refusals[v1alpha1.OutcomeDeny]))
	}
	if got := series(t, decisions); got < documented+2 {
		t.Errorf("%d series of decisions, want at least %d", got, documented+2)
	}
}

func TestCertificateExpiry(t *testing.T) {
	certificateExpiry.Reset()
	if got := series(t, certificateExpiry); got != 0 {
		t.Errorf("without a certificate there are %d series: one of 0 would be an expired one", got)
	}
	ObserveCertificate(time.Unix(1_700_000_000, 0))
	defer certificateExpiry.Reset()
	if got := series(t, certificateExpiry); got != 1 {
		t.Errorf("%d series of a certificate", got)
	}
}
