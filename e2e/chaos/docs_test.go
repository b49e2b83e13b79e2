package main

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/snapback-dev/snapback/e2e/chaos/check"
	"github.com/snapback-dev/snapback/e2e/chaos/liveness"
)

// TestChecksAreDocumented compares the checks with the tables of docs/reliability.md.
func TestChecksAreDocumented(t *testing.T) {
	content, err := os.ReadFile("../../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented, there []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllSubmatch(content, -1) {
		documented = append(documented, string(row[1]))
	}
	for _, c := range check.All() {
		there = append(there, c.Name)
	}
	for _, c := range liveness.All() {
		there = append(there, c.Name)
	}
	slices.Sort(documented)
	slices.Sort(there)
	if !slices.Equal(documented, there) {
		t.Errorf("documented are %q, there are %q", documented, there)
	}
}
