package live

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestMain takes away the pause that all reflectors of a process share after an error,
// whose clock is not that of the tests.
func TestMain(m *testing.M) {
	utilruntime.ErrorHandlers = nil
	m.Run()
}

// apiserver is one that counts what it is asked, and fails as a test wants it to.
type apiserver struct {
	client.WithWatch
	mu      sync.Mutex
	asked   map[string]int   // by "get", "list" or "watch" and the kind
	fails   map[string]error // by the same, or by "" for all
	watches []watch.Interface
}

func newApiserver(objects ...client.Object) *apiserver {
	a := &apiserver{asked: map[string]int{}, fails: map[string]error{}}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: snapshotstest.Namespace}}
	a.WithWatch = fake.NewClientBuilder().WithScheme(api.NewScheme()).WithObjects(append(objects, ns)...).WithIndex(ns, metav1.ObjectNameField, byName).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			if err := a.ask("list", list); err != nil {
				return err
			}
			return c.List(ctx, list, options...)
		},
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
			if err := a.ask("get", o); err != nil {
				return err
			}
			return c.Get(ctx, key, o, options...)
		},
		Watch: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) (watch.Interface, error) {
			o := client.ListOptions{}
			o.ApplyOptions(options)
			if o.Raw.SendInitialEvents != nil { // as an apiserver that cannot
				return nil, apierrors.NewBadRequest("sendInitialEvents is forbidden")
			}
			if err := a.ask("watch", list); err != nil {
				return nil, err
			}
			w, err := c.Watch(ctx, list, options...)
			a.mu.Lock()
			a.watches = append(a.watches, w)
			a.mu.Unlock()
			return w, err
		},
	}).Build()
	return a
}

func byName(o client.Object) []string { return []string{o.GetName()} }

func (a *apiserver) ask(verb string, list any) error {
	what := verb + " " + strings.TrimSuffix(fmt.Sprintf("%T", list)[strings.Index(fmt.Sprintf("%T", list), ".")+1:], "List")
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked[what]++
	if err := a.fails[what]; err != nil {
		return err
	}
	return a.fails[""]
}

func (a *apiserver) fail(what string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fails[what] = err
}

func (a *apiserver) count(what string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked[what]
}

// breakOff ends all watches.
func (a *apiserver) breakOff() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.watches {
		w.Stop()
	}
	a.watches = nil
}

func begin(t *testing.T, a *apiserver, namespace string) *Live {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := start(ctx, a, namespace, &clock{})
	t.Cleanup(func() {
		stop()
		a.breakOff()
		l.ended.Wait() // in a synctest, a goroutine that is left fails the test
	})
	if _, err := l.Wait(ctx, 0); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return l
}
