package scheduler

import (
	"fmt"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

const (
	// aheadOfUs is how far a person's clock may be ahead of the scheduler's.
	aheadOfUs = time.Minute

	// askedFor is how long a run-now stays valid. It is longer than an outage, and
	// short enough that an old value does not count as a new one.
	askedFor = 24 * time.Hour
)

// askedRun is the scheduled time of the run that a person asks for with the
// annotation run-now; zero: none. The error says what to change. Its text does
// not contain the present time, so that it stays the same.
func askedRun(annotations map[string]string, now time.Time) (time.Time, error) {
	value, ok := annotations[v1alpha1.AnnotationRunNow]
	if !ok {
		return time.Time{}, nil
	}
	asked, err := time.Parse(time.RFC3339, value)
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("annotation %s is %q, must be the present time, such as 2026-02-21T19:05:33Z", v1alpha1.AnnotationRunNow, snapshots.Quotable(value))
	case asked.Sub(now) > aheadOfUs:
		return time.Time{}, fmt.Errorf("annotation %s is %q, which is in the future: the run waits until then; set it to the present time for a run now", v1alpha1.AnnotationRunNow, snapshots.Quotable(value))
	case now.Sub(asked) > askedFor:
		return time.Time{}, nil // it was answered long ago, or comes from an old manifest
	}
	return asked.UTC().Truncate(time.Second), nil
}
