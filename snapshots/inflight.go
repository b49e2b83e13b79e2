package snapshots

import (
	"fmt"
	"strconv"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// DefaultMaxInFlight is how many snapshots of a VolumeSnapshotClass may be under
// way at the storage at once. It is ten times what the CSI sidecar asks for at once by
// default (10 workers), so that no storage idles, and a burst that the clouds take.
const DefaultMaxInFlight = 100

// maxMaxInFlight is more than any storage takes, and far from an overflow.
const maxMaxInFlight = 100_000

// MaxInFlight returns how many snapshots of a VolumeSnapshotClass with these
// annotations may be under way at once. With an error it is the default.
func MaxInFlight(annotations map[string]string) (int, error) {
	value, ok := annotations[v1alpha1.AnnotationMaxInFlight]
	if !ok {
		return DefaultMaxInFlight, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > maxMaxInFlight {
		return DefaultMaxInFlight, fmt.Errorf("annotation %s is %q, must be a whole number from 1 to %d; until then it counts as %d",
			v1alpha1.AnnotationMaxInFlight, Quotable(value), maxMaxInFlight, DefaultMaxInFlight)
	}
	return n, nil
}
