package snapshots

import (
	"strings"
	"testing"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

func TestMaxInFlight(t *testing.T) {
	for value, want := range map[string]int{"1": 1, "20": 20, "100000": 100_000} {
		if got, err := MaxInFlight(map[string]string{v1alpha1.AnnotationMaxInFlight: value}); err != nil || got != want {
			t.Errorf("%q: %d, %v", value, got, err)
		}
	}
	for _, wrong := range []string{"", "0", "-3", "many", "1.5", "100001", "99999999999999999999"} {
		got, err := MaxInFlight(map[string]string{v1alpha1.AnnotationMaxInFlight: wrong})
		if err == nil || got != DefaultMaxInFlight || !strings.Contains(err.Error(), v1alpha1.AnnotationMaxInFlight) {
			t.Errorf("%q: %d, %v", wrong, got, err)
		}
	}
	if got, err := MaxInFlight(nil); err != nil || got != DefaultMaxInFlight {
		t.Errorf("without the annotation: %d, %v", got, err)
	}
}
