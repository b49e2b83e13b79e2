package webhook_test

import (
	"strings"
	"testing"

	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// TestEvents checks that a refusal is recorded as an Event. A refusal in a dry run is
// not, and neither is a restore. A dry run is not counted either, since alerts read
// the counter.
func TestEvents(t *testing.T) {
	for name, test := range map[string]struct {
		change claimChange
		dryRun bool
		told   bool
	}{
		"refused":            {change: request("512Mi"), told: true},
		"refused in dry run": {change: request("512Mi"), dryRun: true},
		"restored":           {change: untouched},
	} {
		t.Run(name, func(t *testing.T) {
			recorder := events.NewFakeRecorder(10)
			s := refusing()
			s.recorder = recorder
			review := reviewOf(t, strimziReview, test.change)
			review.Request.DryRun = ptr.To(test.dryRun)
			before := decided(t)
			post(t.Context(), t, s.handler(t), review)
			if counted := decided(t) > before; counted == test.dryRun {
				t.Errorf("counted: %v", counted)
			}
			select {
			case got := <-recorder.Events:
				if !test.told || !strings.Contains(got, "TooSmall") {
					t.Errorf("told: %s", got)
				}
			default:
				if test.told {
					t.Error("nothing was told")
				}
			}
		})
	}
}

// decided returns how many decisions were counted.
func decided(t *testing.T) (n float64) {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "snapback_admission_decisions_total" {
			for _, m := range f.GetMetric() {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}
