package webhook_test

import (
	"strings"
	"testing"

	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
)

// TestEvents tells of a refusal, not of a dry run's, nor of a restore.
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
			post(t.Context(), t, s.handler(t), review)
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
