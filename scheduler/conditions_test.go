package scheduler

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"testing"
)

// TestReasonsAreDocumented compares the reasons of the Ready condition with the
// table in docs/conditions.md.
func TestReasonsAreDocumented(t *testing.T) {
	coded := []string{}
	file, err := parser.ParseFile(token.NewFileSet(), "conditions.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && regexp.MustCompile(`^reason[A-Z]`).MatchString(spec.Names[0].Name) {
			coded = append(coded, spec.Names[0].Name)
		}
		return true
	})
	reasons := map[string]string{ // one that is missing here is missing in the docs
		"reasonScheduled": reasonScheduled, "reasonSuspended": reasonSuspended, "reasonInvalidSpec": reasonInvalidSpec,
		"reasonInvalidAnnotation": reasonInvalidAnnotation, "reasonNoClass": reasonNoClass, "reasonNoVolumes": reasonNoVolumes,
		"reasonSnapshotFailed": reasonSnapshotFailed,
	}
	var want []string
	for _, name := range coded {
		if reasons[name] == "" {
			t.Errorf("constant %s is not known to this test", name)
		}
		want = append(want, reasons[name])
	}
	docs, err := os.ReadFile("../docs/conditions.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `Ready` (?:true|false) \\| `([A-Za-z]+)` \\|").FindAllSubmatch(docs, -1) {
		documented = append(documented, string(row[1]))
	}
	slices.Sort(want)
	slices.Sort(documented)
	if !slices.Equal(want, documented) {
		t.Errorf("docs/conditions.md has %q, the constants are %q", documented, want)
	}
}
