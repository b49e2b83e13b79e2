package e2e

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

var update = flag.Bool("update", false, "write what the plugin prints into the golden files")

// printed is the output of a command of the plugin.
type printed struct {
	out, err string
	code     int
}

// plugin is the program, built once: no test writes what another one runs.
var plugin = sync.OnceValues(func() (string, error) {
	return cluster.Build(context.Background(), ".", "./cmd/kubectl-snapback", "kubectl-snapback")
})

// kubectlSnapback runs the plugin in a namespace.
func kubectlSnapback(t *testing.T, namespace string, args ...string) printed {
	t.Helper()
	return pluginAt(t, shared.Get(t).Kubeconfig(), append(args, "-n", namespace)...)
}

// pluginAt runs it with a kubeconfig.
func pluginAt(t *testing.T, kubeconfig string, args ...string) printed {
	t.Helper()
	program, err := plugin()
	if err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, append(args, "--kubeconfig", kubeconfig)...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", args, err)
	}
	return printed{out.String(), errOut.String(), cmd.ProcessState.ExitCode()}
}

// fails checks that a command said one line on stderr and exited with 1.
func (p printed) fails(t *testing.T, want string) {
	t.Helper()
	if p.code != 1 || p.out != "" || p.err != "error: "+want+"\n" {
		t.Errorf("exit code %d\n%s%swant 1 and only\nerror: %s", p.code, p.out, p.err, want)
	}
}

// volatile matches the text that differs between runs of a test.
var volatile = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`\d{8}-\d{6}(-[0-9a-f]{5})?`), "RUN"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "TIME"},
	{regexp.MustCompile(`\b(\d+m)?\d+(\.\d+)?m?s\b`), "AGE"},
	{regexp.MustCompile(` +\n`), "\n"},
	{regexp.MustCompile(`  +`), "  "}, // columns are as wide as what is in them
}

// golden compares what was printed with testdata/plugin/<name>.txt. The pairs
// are a value of this run, and the name that it has in the file.
func golden(t *testing.T, name, got string, pairs ...string) {
	t.Helper()
	got = strings.NewReplacer(pairs...).Replace(got)
	for _, v := range volatile {
		got = v.pattern.ReplaceAllString(got, v.name)
	}
	file := filepath.Join("testdata", "plugin", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("printed:\n%s\n%s has:\n%s", got, file, want)
	}
}
