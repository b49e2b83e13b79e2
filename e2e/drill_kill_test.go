package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// errKilled is what a killed process gets from its client.
var errKilled = errors.New("killed")

// mortal is a client of a process that is killed after so many writes: nothing that
// it does afterwards reaches the apiserver.
type mortal struct {
	left   int // writes
	killed bool
	claims int // how many were created
}

func (m *mortal) write(do func() error) error {
	if m.killed {
		return errKilled
	}
	err := do()
	if m.left--; m.left == 0 {
		m.killed = true
	}
	return err
}

func (m *mortal) client(c client.WithWatch) client.Client {
	return interceptor.NewClient(c, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
			if m.killed {
				return errKilled
			}
			return c.Get(ctx, key, o, options...)
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			if m.killed {
				return errKilled
			}
			return c.List(ctx, list, options...)
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
			return m.write(func() error {
				if _, ok := o.(*corev1.PersistentVolumeClaim); ok {
					m.claims++
				}
				return c.Create(ctx, o, options...)
			})
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, patch client.Patch, options ...client.PatchOption) error {
			return m.write(func() error { return c.Patch(ctx, o, patch, options...) })
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.DeleteOption) error {
			return m.write(func() error { return c.Delete(ctx, o, options...) })
		},
	})
}

// TestKilledDrills kills the process after each of its writes. The next process
// continues the drill or removes what is left of it: the drill has one report, it is
// made once, and nothing is left.
func TestKilledDrills(t *testing.T) {
	t.Parallel()
	w := newDrillWorld(t, false)
	w.runPods()
	forget := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"annotations":{%q:null}}}`, v1alpha1.AnnotationVerified))
	const least = 6 // claim, pod, report, pod, policy of the volume, claim
	for n := 1; ; n++ {
		first, second := &mortal{left: n}, &mortal{left: -1}
		r := w.process(first.client(w.drills))
		eventually(t, func(ctx context.Context) error {
			result, err := r.Reconcile(ctx, w.key())
			if errors.Is(err, errKilled) || first.killed || err == nil && result.RequeueAfter >= minIdle {
				return nil
			}
			return errors.Join(errors.New("neither killed nor done"), err)
		})
		w.settle(w.process(second.client(w.drills)))
		s := w.newest()
		if v, _ := s.Verdict(); v.Result != v1alpha1.DrillSound || s.Annotations[v1alpha1.AnnotationDrillFailed] != "" {
			t.Errorf("killed after write %d: one report expected: %+v", n, s.Annotations)
		}
		if first.claims+second.claims != 1 {
			t.Errorf("killed after write %d: the drill was made %d times", n, first.claims+second.claims)
		}
		if !first.killed {
			if n <= least {
				t.Errorf("a drill has %d writes, at least %d expected", n-1, least)
			}
			return
		}
		if err := w.Patch(t.Context(), w.object(s.Name), forget); err != nil {
			t.Fatal(err)
		}
	}
}
