package snapshots_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// TestReasons compares the constants, the list of them, and the table in the
// docs.
func TestReasons(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../api/v1alpha1/decision.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var constants []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Reason" {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil || "Reason"+value != spec.Names[0].Name {
				t.Errorf("constant %s is %q", spec.Names[0].Name, value)
			}
			constants = append(constants, value)
		}
		return true
	})
	var listed []string
	for _, r := range v1alpha1.Reasons {
		listed = append(listed, string(r))
	}
	docs, err := os.ReadFile("../docs/decisions.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\|").FindAllSubmatch(docs, -1) {
		documented = append(documented, string(row[1]))
	}
	for _, names := range [][]string{constants, listed, documented} {
		slices.Sort(names)
	}
	if !slices.Equal(constants, listed) {
		t.Errorf("Reasons lists %q, the constants are %q", listed, constants)
	}
	if !slices.Equal(constants, documented) {
		t.Errorf("docs/decisions.md has %q, the constants are %q", documented, constants)
	}
}
