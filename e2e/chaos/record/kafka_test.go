package record

import (
	"slices"
	"testing"
)

// TestRanges finds the numbers again, and no others.
func TestRanges(t *testing.T) {
	r := Readable{Ranges: Ranges([]int64{3, 1, 2, 2, 7, 9, 8, 12})}
	if want := [][2]int64{{1, 3}, {7, 9}, {12, 12}}; !slices.Equal(r.Ranges, want) {
		t.Error(r.Ranges, want)
	}
	for n, want := range map[int64]bool{0: false, 1: true, 3: true, 4: false, 8: true, 12: true, 13: false} {
		if r.Has(n) != want {
			t.Errorf("%d: %t", n, !want)
		}
	}
	if (&Readable{Ranges: Ranges(nil)}).Has(0) {
		t.Error("nothing has a number")
	}
}
