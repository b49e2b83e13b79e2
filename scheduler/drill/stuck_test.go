package drill

import (
	"context"
	"strings"
	"testing"

	"github.com/jonboulle/clockwork"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// said returns the next Event; empty: there is none.
func (w *world) said() string {
	select {
	case text := <-w.r.Recorder.(*events.FakeRecorder).Events:
		return text
	default:
		return ""
	}
}

// TestStuckClaim deletes the claim of a drill that somebody's finalizer keeps.
func TestStuckClaim(t *testing.T) {
	w := newWorld(t, "one")
	w.reconcile("one")
	pvc := w.drills()[0]
	pvc.Finalizers = []string{"example.com/mine"}
	if err := w.Update(t.Context(), &pvc); err != nil {
		t.Fatal(err)
	}
	if err := w.Delete(t.Context(), &pvc); err != nil {
		t.Fatal(err)
	}
	if again := w.reconcile("one"); again != waitForStep || w.said() != "" {
		t.Errorf("it may still go: %s", again)
	}
	w.r.Clock = clockwork.NewFakeClockAt(after(24).Add(stuckAfter))
	if again, text := w.reconcile("one"), w.said(); again != resync || !strings.Contains(text, "example.com/mine") {
		t.Errorf("again in %s, said %q", again, text)
	}
}

// TestReportRefused has snapshots whose annotations are full: the drill is not made
// again and again.
func TestReportRefused(t *testing.T) {
	w := newWorld(t, "one")
	w.reconcile("one")
	pvc := w.drills()[0]
	pvc.Status.Phase = corev1.ClaimLost
	if err := w.Status().Update(t.Context(), &pvc); err != nil {
		t.Fatal(err)
	}
	w.r.Client = interceptor.NewClient(w.Client.(client.WithWatch), interceptor.Funcs{
		Patch: func(_ context.Context, _ client.WithWatch, o client.Object, _ client.Patch, _ ...client.PatchOption) error {
			return apierrors.NewInvalid(schema.GroupKind{Kind: "VolumeSnapshot"}, o.GetName(), nil)
		},
	})
	_, err := w.r.Reconcile(t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "kafka", Name: "one"}})
	if text := w.said(); err == nil || !strings.Contains(text, "cannot be written") || len(w.drills()) != 1 {
		t.Errorf("%v, said %q, %d claims", err, text, len(w.drills()))
	}
}
