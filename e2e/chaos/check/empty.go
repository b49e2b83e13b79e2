package check

import (
	"fmt"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/history"
)

// An opted-in volume with a usable snapshot is never provisioned empty.
var _ = register(Check{Name: "never-empty", Run: func(h *history.History) []Violation {
	var found []Violation
	for _, c := range h.Claims {
		if c.Source() != "" || wished(h, c) != v1alpha1.ValueLatest || mayStartEmpty(h, c) {
			continue
		}
		from := asked(h, c).Add(-grace)
		for _, s := range h.SnapshotsOf(c.Volume) {
			if s.Life.During(from, c.First().Revision, history.Usable) {
				found = append(found, Violation{Namespace: c.Namespace, Volume: c.Volume.Key, Seq: c.First().Seq,
					What: fmt.Sprintf("claim %s (%s) was created without a source, while VolumeSnapshot %s could be used", c.Name, c.UID, s.Name)})
				break
			}
		}
	}
	return found
}})

// asked is when the webhook was asked about a claim that was created.
func asked(h *history.History, c *history.Claim) time.Time {
	if a, ok := h.AdmissionOf(c); ok {
		return a.Admission.Began
	}
	return c.First().Object.CreationTimestamp.Time
}
