package plan

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

// TestSeed draws the same steps of the same seed, and others of another.
func TestSeed(t *testing.T) {
	kinds := []Kind{{Name: "a", Weight: 1, Draw: AnyVolume, Longest: time.Minute}, {Name: "b", Weight: 10, Draw: AnyCluster, Longest: time.Second}}
	printed := func(seed uint64) string {
		var b bytes.Buffer
		Print(&b, Make(seed, 10*time.Minute, Standard(), kinds, kinds))
		return b.String()
	}
	first, again, other := printed(1), printed(1), printed(2)
	if first != again || first == other {
		t.Error("a seed does not mean a plan")
	}
	steps := Make(1, 10*time.Minute, Standard(), kinds, kinds)
	if n := len(steps); n < 150 || n > 450 {
		t.Errorf("%d steps in ten minutes", n)
	}
	if !slices.IsSortedFunc(steps, func(a, b Step) int { return int(a.At - b.At) }) {
		t.Error("steps are not in the order of their times")
	}
	for _, s := range steps {
		if s.Fault && (s.At%(storm+calm) >= storm || s.For < shortFault) {
			t.Errorf("%v", s)
		}
	}
}
