package docs_test

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/snapback-dev/snapback/"

var (
	floorRow = regexp.MustCompile(`(?m)^\| ([0-9]+) \| ([^|]+) \|`)
	quoted   = regexp.MustCompile("`([^`]+)`")
)

// unfloored are packages for tests, and this one.
func unfloored(p string) bool {
	return strings.HasPrefix(p, "e2e") || p == "docs" || p == "snapshots/snapshotstest"
}

// TestFloors compares the imports with the floors of architecture.md: each
// package stands on one, and imports only those below.
func TestFloors(t *testing.T) {
	page, err := os.ReadFile("architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	floors := map[string]int{}
	for _, row := range floorRow.FindAllStringSubmatch(string(page), -1) {
		floor, err := strconv.Atoi(row[1])
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range quoted.FindAllStringSubmatch(row[2], -1) {
			floors[p[1]] = floor
		}
	}
	list := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.ImportPath}}{{range .Imports}} {{.}}{{end}}", "./...")
	list.Dir = ".."
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		name := strings.TrimPrefix(fields[0], module)
		if unfloored(name) {
			continue
		}
		there[name] = true
		floor, ok := floors[name]
		if !ok {
			t.Errorf("%s stands on no floor", name)
		}
		for _, imported := range fields[1:] {
			other, ours := strings.CutPrefix(imported, module)
			if below, known := floors[other]; ours && (!known || below >= floor) {
				t.Errorf("%s (floor %d) imports %s (floor %d)", name, floor, other, below)
			}
		}
	}
	for name := range floors {
		if !there[name] {
			t.Errorf("there is no package %s", name)
		}
	}
}

// TestPluginLinksNoScheduler checks that the plugin takes the schedule's grammar
// alone, and not what runs it.
func TestPluginLinksNoScheduler(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "../cmd/kubectl-snapback")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for dependency := range strings.Lines(string(out)) {
		if strings.Contains(dependency, "gocron") || strings.HasPrefix(dependency, module+"scheduler") {
			t.Errorf("the plugin links %s", dependency)
		}
	}
}
