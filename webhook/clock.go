package webhook

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/snapshots"
)

// timeOf returns the time at which a claim is created: now, by our clock, or what the
// apiserver has just written into the claim's managedFields, if that is later. If our
// clock is behind, what people allow until some time would otherwise be allowed after it.
func timeOf(pvc *corev1.PersistentVolumeClaim, now time.Time) time.Time {
	latest := now
	for _, f := range pvc.ManagedFields {
		if f.Time != nil && f.Time.After(latest) && f.Time.Sub(now) <= snapshots.ClocksApart {
			latest = f.Time.Time
		}
	}
	return latest
}
