package e2e

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// TestDrillsProcess kills "snapback drills" during a drill. Another process takes over
// its lease, ends the drill, and removes the next one when nobody asks for it any more.
func TestDrillsProcess(t *testing.T) {
	t.Parallel()
	w := newDrillWorld(t, false)
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

// startProcess starts "snapback drills" until the test ends.
func (w *drillWorld) startProcess() *exec.Cmd {
	w.Helper()
	program, err := snapbackProgram()
	if err != nil {
		w.Fatal(err)
	}
	cmd := exec.Command(program, "drills", "--kubeconfig="+shared.Get(w.T).Kubeconfig(), "--namespace="+w.ns, "--pod=drills",
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

// TestLoneDrills leaves a drill that nobody asks for any more, and objects that are of
// no drill.
func TestLoneDrills(t *testing.T) {
	t.Parallel()
	w := newDrillWorld(t, false)
	r := w.process(w)
	theirs := w.probe()
	theirs.Labels[v1alpha1.LabelDrill] = "events"
	create(t, w, theirs)
	lone := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "lone", Labels: map[string]string{v1alpha1.LabelDrill: "events", v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}}}
	create(t, w, asRestricted(lone))
	w.reconcileUntil(r, func() error {
		if left := w.left(); len(left) != 3 || left[2] == "pod lone" {
			return fmt.Errorf("their claim, the drill's and its pod expected: %v", left)
		}
		return nil
	})
	w.patchSpec(`{"suspend":true}`)
	w.reconcileUntil(r, func() error {
		if left := w.left(); len(left) != 1 {
			return errors.New("only their claim must be left: " + fmt.Sprint(left))
		}
		return nil
	})
	if _, err := r.Reconcile(t.Context(), w.key()); err != nil || w.left()[0] != "claim "+theirs.Name {
		t.Errorf("%v is left, %v", w.left(), err)
	}
}

// asRestricted gives a pod a container that the restricted level allows.
func asRestricted(pod *corev1.Pod) *corev1.Pod {
	yes, no := true, false
	pod.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: &yes, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}}
	pod.Spec.Containers = []corev1.Container{{Name: "any", Image: "any", SecurityContext: &corev1.SecurityContext{
		AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}}}}
	return pod
}
