package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
)

// TestDrillsProcess kills "snapback drills" during a drill. Another process takes over
// its lease, ends the drill, and removes the next one when nobody asks for it any more.
// The process would take part in the drills of other tests, so that it runs alone.
func TestDrillsProcess(t *testing.T) {
	w := newDrillWorld(t, false)
	pod := ownPod(cluster.Namespace, "drills", nil)
	create(t, w, pod)
	t.Cleanup(func() {
		if err := w.Delete(context.Background(), pod); err != nil {
			t.Error(err)
		}
	})
	first := w.startProcess()
	w.patchSpec(`{"drill":{"schedule":"@every 1s","timeout":"1h"}}`)
	eventually(t, func(context.Context) error {
		if left := w.left(); len(left) < 2 {
			return fmt.Errorf("a claim and a pod expected: %v", left)
		}
		return nil
	})
	_ = first.Process.Kill()
	_ = first.Wait() // "signal: killed" is what was asked for

	w.startProcess()
	w.runPods()
	eventually(t, func(context.Context) error {
		if v, _ := w.newest().Verdict(); v.Result != v1alpha1.DrillSound {
			return fmt.Errorf("sound expected: %v", w.newest().Annotations)
		}
		return nil
	})
	w.patchSpec(`{"drill":null}`)
	eventually(t, func(context.Context) error {
		if left := w.left(); len(left) > 0 {
			return fmt.Errorf("%v is left", left)
		}
		return nil
	})
}

// startProcess starts "snapback drills" until the test ends, with the rights that it is
// shipped with.
func (w *drillWorld) startProcess() *exec.Cmd {
	w.Helper()
	program, err := snapbackProgram()
	if err != nil {
		w.Fatal(err)
	}
	config, err := shared.Get(w.T).AccountConfig(w.Context(), cluster.DrillsAccount)
	if err != nil {
		w.Fatal(err)
	}
	kubeconfig := filepath.Join(w.TempDir(), "kubeconfig")
	if err := cluster.WriteKubeconfig(kubeconfig, config); err != nil {
		w.Fatal(err)
	}
	cmd := exec.Command(program, "drills", "--kubeconfig="+kubeconfig, "--namespace="+cluster.Namespace, "--pod=drills",
		"--health-probe-bind-address=0", "--metrics-bind-address=0")
	cmd.Stdout, cmd.Stderr = w.Output(), w.Output()
	if err := cmd.Start(); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have been killed already
		_ = cmd.Wait()
	})
	return cmd
}

func (w *drillWorld) patchSpec(spec string) {
	w.Helper()
	if err := w.Patch(w.Context(), w.backup, client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":%s}`, spec))); err != nil {
		w.Fatal(err)
	}
}

// TestLoneDrills has a pod of a drill without its claim, a drill that nobody asks for
// any more, and objects that look like those of a drill: only these are left.
func TestLoneDrills(t *testing.T) {
	t.Parallel()
	w := newDrillWorld(t, false)
	r := w.process(w.drills)
	theirs := w.probe()
	theirs.Labels[v1alpha1.LabelDrill] = "events"
	create(t, w, theirs)
	both := map[string]string{v1alpha1.LabelDrill: "events", v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}
	create(t, w, ownPod(w.ns, "named-by-people", both))
	create(t, w, ownPod(w.ns, "snapback-drill-lone", both))
	other := []string{"claim probe", "pod named-by-people"}
	drill := ""
	w.reconcileUntil(r, func() error {
		left := slices.DeleteFunc(w.left(), func(o string) bool { return slices.Contains(other, o) })
		if len(left) != 2 || left[0] == "pod snapback-drill-lone" || left[1] != "pod "+strings.TrimPrefix(left[0], "claim ") {
			return fmt.Errorf("a drill's claim and pod expected: %v", left)
		}
		drill = left[0]
		return nil
	})
	w.patchSpec(`{"suspend":true}`)
	w.reconcileUntil(r, func() error {
		if left := w.left(); slices.Contains(left, drill) {
			return fmt.Errorf("nobody asks for %s any more: %v", drill, left)
		}
		return nil
	})
	if left := w.left(); !slices.Equal(left, other) {
		t.Errorf("%v is left, want %v", left, other)
	}
}
