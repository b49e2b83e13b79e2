package e2e

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

// TestBinariesAreReproducible builds the image's binaries here and in a copy of
// the source that lies elsewhere and is in no repository.
func TestBinariesAreReproducible(t *testing.T) {
	t.Parallel()
	cluster.NeedsComponents(t) // and minutes
	elsewhere := t.TempDir()
	for _, dir := range []string{"api", "cmd", "kafka", "manifests/crd", "scheduler", "snapshots", "tracing", "webhook"} {
		if err := os.CopyFS(filepath.Join(elsewhere, dir), os.DirFS(filepath.Join("..", dir))); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"go.mod", "go.sum", "Makefile"} {
		content, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(elsewhere, file), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	here, there := builtIn(t, ".."), builtIn(t, elsewhere)
	if here != there {
		t.Errorf("the same source gives other binaries elsewhere:\n%s\nhere:\n%s", there, here)
	}
}

// builtIn builds the image's binaries from the source in dir and returns their
// checksums.
func builtIn(t *testing.T, dir string) (sums string) {
	t.Helper()
	out := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "make", "-C", dir, "binaries", "VERSION=1.2.3", "BINARIES="+out)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make binaries in %s: %v\n%s", dir, err, output)
	}
	for _, name := range []string{"kubectl-snapback", "snapback"} {
		content, err := os.ReadFile(filepath.Join(out, "linux", runtime.GOARCH, name))
		if err != nil {
			t.Fatal(err)
		}
		sums += fmt.Sprintf("%x %s\n", sha256.Sum256(content), name)
	}
	return sums
}
