package snapshots_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestReadAnnotationsAreKept reads the source of the packages that are given trimmed
// snapshots. An annotation that they read and that is dropped would silently look as if
// nobody had set it: a restore would go to the wrong snapshot, or a held one be pruned.
func TestReadAnnotationsAreKept(t *testing.T) {
	t.Parallel()
	lists := listsOf(t, "lean.go", "slim.go", "policy.go")
	kept := slices.Concat(lists["decisive"], lists["controls"])
	inScheduler := slices.Concat(kept, lists["watched"], lists["long"])
	if len(kept) < 15 || len(inScheduler) < 20 || len(lists["marks"]) < 10 {
		t.Fatalf("the lists are %v", lists)
	}
	for _, test := range []struct {
		folder string
		kept   []string
	}{
		{".", inScheduler},
		{"../webhook", kept},
		{"../scheduler", inScheduler}, {"../scheduler/observe", inScheduler}, {"../scheduler/follow", inScheduler}, {"../scheduler/proof", inScheduler},
		{"../scheduler/prune", inScheduler}, {"../scheduler/verify", inScheduler}, {"../scheduler/turns", inScheduler},
	} {
		for constant, where := range readIn(t, test.folder, "Annotations") {
			if !slices.Contains(test.kept, constant) {
				t.Errorf("%s reads %s of a snapshot, which no list of lean.go has", where, constant)
			}
		}
	}
	for constant, where := range readIn(t, ".", "marked") {
		if !slices.Contains(lists["marks"], constant) {
			t.Errorf("%s asks for %s, which marks does not have", where, constant)
		}
	}
}

// listsOf returns the constants of v1alpha1 that each variable of some files names.
func listsOf(t *testing.T, files ...string) map[string][]string {
	t.Helper()
	lists := map[string][]string{}
	for _, file := range files {
		for _, d := range parseSource(t, file).Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				ast.Inspect(v, func(n ast.Node) bool {
					if constant := constantOf(n); constant != "" {
						lists[v.Names[0].Name] = append(lists[v.Names[0].Name], constant)
					}
					return true
				})
			}
		}
	}
	return lists
}

// readIn returns the constants by which the source in a folder reads the annotations of a
// snapshot, as s.Annotations[constant] or s.marked(constant), and where. By the names that
// variables have here, s and others are snapshots; objects are not.
func readIn(t *testing.T, folder, how string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(err, "no source in", folder)
	}
	found := map[string]string{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		ast.Inspect(parseSource(t, file), func(n ast.Node) bool {
			var of, key ast.Expr
			switch n := n.(type) {
			case *ast.IndexExpr:
				of, key = n.X, n.Index
			case *ast.CallExpr:
				if len(n.Args) == 1 {
					of, key = n.Fun, n.Args[0]
				}
			}
			read, ok := of.(*ast.SelectorExpr)
			if constant := constantOf(key); ok && read.Sel.Name == how && constant != "" && !objects[identifierOf(read.X)] {
				found[constant] = file
			}
			return true
		})
	}
	return found
}

// objects are the names of variables that are no snapshots.
var objects = map[string]bool{"vs": true, "pvc": true, "PVC": true, "pv": true, "kb": true, "Backup": true, "content": true, "cm": true, "slim": true, "patched": true, "namespace": true}

func identifierOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

func constantOf(n ast.Node) string {
	s, ok := n.(*ast.SelectorExpr)
	if !ok || identifierOf(s.X) != "v1alpha1" || !strings.HasPrefix(s.Sel.Name, "Annotation") {
		return ""
	}
	return s.Sel.Name
}

func parseSource(t *testing.T, file string) *ast.File {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), file, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
