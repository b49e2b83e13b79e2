package scheduler

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// TestReasonsAreDocumented compares the conditions and their reasons with the
// table in docs/conditions.md.
func TestReasonsAreDocumented(t *testing.T) {
	docs, err := os.ReadFile("../docs/conditions.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z]+)`[a-z ]* \\| `([A-Za-z]+)` \\|").FindAllSubmatch(docs, -1) {
		condition := string(row[1])
		documented[condition] = append(documented[condition], string(row[2]))
	}
	for condition, reasons := range v1alpha1.ConditionReasons {
		want, got := slices.Sorted(slices.Values(reasons)), slices.Sorted(slices.Values(documented[condition]))
		if !slices.Equal(want, got) {
			t.Errorf("docs/conditions.md has %q of %s, the code has %q", got, condition, want)
		}
		delete(documented, condition)
	}
	if len(documented) > 0 {
		t.Errorf("docs/conditions.md has conditions that the code does not: %v", documented)
	}
}
