package faults

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/proxy"
)

// TestKinds has a name of its own, a weight and an end for each fault, and aims each the
// same way for the same seed.
func TestKinds(t *testing.T) {
	names := map[string]bool{}
	for _, f := range All() {
		if names[f.Name] || f.Weight <= 0 || f.Longest < time.Second {
			t.Errorf("%+v", f.Kind)
		}
		names[f.Name] = true
		for seed := range uint64(20) {
			one, two := f.Draw(rand.New(rand.NewPCG(seed, 1)), plan.Standard()), f.Draw(rand.New(rand.NewPCG(seed, 1)), plan.Standard())
			if !maps.Equal(one, two) {
				t.Errorf("%s of seed %d: %v and %v", f.Name, seed, one, two)
			}
		}
	}
}

// TestStorageFaults are files that the CSI driver can read, and go again.
func TestStorageFaults(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "faults")
	for name, content := range storageFaults {
		var of map[string]map[string]string
		if err := json.Unmarshal([]byte(content), &of); err != nil || len(of) == 0 {
			t.Errorf("%s: %v", name, err)
		}
		var ends []func() error
		for range 2 {
			end, err := dropIn(dir, name, content)
			if err != nil {
				t.Fatal(err)
			}
			ends = append(ends, end)
		}
		for left := 2; left >= 0; left-- {
			files, err := os.ReadDir(dir)
			if err != nil || len(files) != left {
				t.Errorf("%s: %d files, want %d (%v)", name, len(files), left, err)
			}
			if left > 0 {
				if err := ends[left-1](); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// TestMovedClocks adds up what several faults do to one clock.
func TestMovedClocks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "clock")
	m := moved{by: map[string]time.Duration{}}
	for _, step := range []struct {
		by   time.Duration
		want string
	}{{time.Minute, "1m0s"}, {-3 * time.Minute, "-2m0s"}, {-time.Minute, "-3m0s"}, {3 * time.Minute, ""}} {
		if err := m.move(file, step.by); err != nil {
			t.Fatal(err)
		}
		if content, _ := os.ReadFile(file); string(content) != step.want {
			t.Errorf("after %s: %q, want %q", step.by, content, step.want)
		}
	}
}

// TestExpireWatches ends each watch once, and refuses the next one once.
func TestExpireWatches(t *testing.T) {
	fault := expireWatches(plan.Args{"component": "operators"})
	begin := proxy.Request{Component: "operators", Verb: http.MethodGet, Path: "/api/v1/pods", Watch: true}
	open, list, others := begin, begin, begin
	open.Open, list.List, others.Component = true, true, "people"
	for i, step := range []struct {
		proxy.Request
		want bool
	}{{open, true}, {open, true}, {list, false}, {others, false}, {begin, true}, {begin, false}, {open, false}, {list, false}} {
		if got := fault(step.Request).Expire; got != step.want {
			t.Errorf("step %d: %v", i, got)
		}
	}
}
