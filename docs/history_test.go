package docs_test

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// TestHistoryIsDocumented compares the tables of history.md with the type and its lists.
func TestHistoryIsDocumented(t *testing.T) {
	page, err := os.ReadFile("history.md")
	if err != nil {
		t.Fatal(err)
	}
	var fields, kinds, rules []string
	for f := range reflect.TypeFor[v1alpha1.HistoryEntry]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields = append(fields, name)
	}
	for _, kind := range v1alpha1.HistoryKinds {
		kinds = append(kinds, string(kind))
	}
	for _, rule := range v1alpha1.HistoryRules {
		rules = append(rules, string(rule))
	}
	for head, want := range map[string][]string{"| field |": fields, "| kind |": kinds, "| rule |": rules} {
		got := firstColumn(string(page), head)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("the table %q has\n%q, the code has\n%q", head, got, want)
		}
	}
}

// firstColumn returns the names in the first column of the table with this head.
func firstColumn(page, head string) (names []string) {
	_, table, _ := strings.Cut(page, "\n"+head)
	table, _, _ = strings.Cut(table, "\n\n")
	for line := range strings.Lines(table) {
		if cell, _, ok := strings.Cut(strings.TrimPrefix(line, "|"), "|"); ok && strings.HasPrefix(line, "|") {
			for _, name := range quoted.FindAllStringSubmatch(cell, -1) {
				names = append(names, name[1])
			}
		}
	}
	return names
}
