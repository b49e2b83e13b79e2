package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
)

// bug is a change of one place by which Snapback breaks an invariant.
type bug struct {
	command  string // that has it
	file     string
	old, new string
	check    string // that finds it
	only     string // operations and faults
	duration time.Duration
	plan     func([]plan.Step) bool // that brings it about; nil: any
}

// bugs are of different kinds: of the webhook, the scheduler and the plugin.
var bugs = map[string]bug{
	"the webhook lets claims start empty while the apiserver is away": {
		command: "snapback", file: "webhook/handler.go", old: "	if h.FailOpen {\n", new: "	if true {\n",
		check: "never-empty", only: "lose-cluster,cut", duration: time.Minute, plan: cutFromWebhooks,
	},
	"the scheduler deletes what it has only just marked": {
		command: "snapback", file: "snapshots/pruning.go", old: "const PruneDelay = time.Minute\n", new: "const PruneDelay = time.Second\n",
		check: "marked-first", only: "hold", duration: time.Minute,
	},
	"the plugin does not wait for a yes": {
		command: "kubectl-snapback", file: "cmd/kubectl-snapback/cli/confirm.go", old: "		return errNobody\n", new: "		return nil\n",
		check: "asked-first", only: "decline-restore", duration: time.Minute,
	},
}

// cutFromWebhooks reports whether a replica of the webhook is cut off from the apiserver
// four times while a cluster is lost, and who makes its claims again is not.
func cutFromWebhooks(steps []plan.Step) bool {
	times := 0
	for _, lost := range steps {
		if lost.Fault {
			continue
		}
		cut := func(prefixes ...string) bool {
			return slices.ContainsFunc(steps, func(s plan.Step) bool {
				return s.Fault && s.At < lost.At+4*time.Second && lost.At < s.At+s.For &&
					slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s.Args["component"], p) })
			})
		}
		if cut("webhook-") && !cut("operators", "people", "admission", "kube-controller-manager") {
			times++
		}
	}
	return times >= 4
}

// TestBugsApply finds the place of each bug, so that none of them rots.
func TestBugsApply(t *testing.T) {
	for name, b := range bugs {
		if _, err := b.source(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := b.seed(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBugs has the checks find each bug in a run of processes that have it.
func TestBugs(t *testing.T) {
	if os.Getenv("SNAPBACK_CHAOS_BUGS") == "" {
		t.Skip("set SNAPBACK_CHAOS_BUGS=1: it takes ten minutes")
	}
	chaos := filepath.Join(t.TempDir(), "chaos")
	build(t, chaos, "./e2e/chaos")
	for name, b := range bugs {
		t.Run(name, func(t *testing.T) {
			binary := filepath.Join(t.TempDir(), b.command)
			build(t, binary, "./cmd/"+b.command, "-overlay="+b.overlay(t))
			seed, err := b.seed()
			if err != nil {
				t.Fatal(err)
			}
			out := output(t, chaos, fmt.Sprintf("-seed=%d", seed), "-duration="+b.duration.String(), "-only="+b.only, "-dir="+t.TempDir(), "-apache=false", b.flag()+binary)
			if !strings.Contains(out, "VIOLATION of "+b.check+",") {
				t.Errorf("the check %s has not found it:\n%s", b.check, out)
			}
		})
	}
}

func (b bug) flag() string {
	if b.command == "kubectl-snapback" {
		return "-plugin="
	}
	return "-snapback="
}

// seed is the first one whose plan brings the bug about.
func (b bug) seed() (uint64, error) {
	o := options{only: b.only}
	for seed := uint64(1); seed < 1000; seed++ {
		_, steps := plan.Standard().WithoutApache(plan.Make(seed, b.duration, plan.Standard(), kinds(o, true), kinds(o, false)))
		if len(steps) > 0 && (b.plan == nil || b.plan(steps)) {
			return seed, nil
		}
	}
	return 0, fmt.Errorf("no seed brings it about by %s", b.only)
}

const repository = "../.."

// source is the file with the bug.
func (b bug) source() ([]byte, error) {
	content, err := os.ReadFile(filepath.Join(repository, b.file))
	if err != nil {
		return nil, err
	}
	if n := bytes.Count(content, []byte(b.old)); n != 1 {
		return nil, fmt.Errorf("%s has %q %d times", b.file, b.old, n)
	}
	return bytes.Replace(content, []byte(b.old), []byte(b.new), 1), nil
}

// overlay writes what the go command takes in place of the file.
func (b bug) overlay(t *testing.T) string {
	t.Helper()
	content, err := b.source()
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	with := filepath.Join(dir, "with.go")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, b.file): with}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	for path, what := range map[string][]byte{with: content, file: replace} {
		if err := os.WriteFile(path, what, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return file
}

func build(t *testing.T, binary, pkg string, flags ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append(append([]string{"build", "-o", binary}, flags...), pkg)...)
	cmd.Dir = repository
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
}

// output returns what a run says that finds something.
func output(t *testing.T, chaos string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, chaos, args...)
	cmd.Dir = repository
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("%s found nothing", strings.Join(cmd.Args, " "))
	}
	return string(out)
}
