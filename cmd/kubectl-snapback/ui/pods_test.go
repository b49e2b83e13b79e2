package ui

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api"
)

// TestPods are listed once a minute at most, of each namespace, and what keeps them from
// being listed is said and no error.
func TestPods(t *testing.T) {
	t.Parallel()
	at, asked := now, atomic.Int32{}
	var fails error
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "p"}}
	c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithObjects(pod).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			asked.Add(1)
			if err := errors.Join(fails, ctx.Err()); err != nil {
				return err
			}
			return c.List(ctx, list, options...)
		}}).Build()
	p := newPods(Config{Client: c, Now: func() time.Time { return at }})
	look := func(ctx context.Context, what string, want int32, unknown string) {
		t.Helper()
		asked.Store(0)
		found := p.of(ctx, []string{"a", "b"})
		if asked.Load() != want || len(found) != 2 || !strings.Contains(found["a"].Unknown, unknown) || (found["a"].Unknown == "") != (unknown == "") {
			t.Errorf("%s: listed %d times, want %d; %+v", what, asked.Load(), want, found)
		}
		if unknown == "" && (len(found["a"].Pods) != 1 || len(found["b"].Pods) != 0) {
			t.Errorf("%s: %+v", what, found)
		}
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	look(gone, "the reader has gone away", 2, "could not be listed")
	look(t.Context(), "at first", 2, "")
	at = at.Add(podsKept - time.Second)
	look(t.Context(), "soon after", 0, "")
	at = at.Add(time.Second)
	fails = apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", nil)
	look(t.Context(), "without the right", 2, "you may not list pods in namespace a")
	look(t.Context(), "without the right, soon after", 0, "you may not list pods in namespace a")
	at, fails = at.Add(podsKept), errors.New("reset")
	look(t.Context(), "an apiserver that is away", 2, "reset")
}

// TestPodsOfSilentApiserver costs a page of many namespaces no more time than one.
func TestPodsOfSilentApiserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithInterceptorFuncs(interceptor.Funcs{
			List: func(ctx context.Context, _ client.WithWatch, _ client.ObjectList, _ ...client.ListOption) error {
				<-ctx.Done()
				return ctx.Err()
			}}).Build()
		var namespaces []string
		for n := range 10 * podsAtOnce {
			namespaces = append(namespaces, fmt.Sprint("n", n))
		}
		began := time.Now()
		found := newPods(Config{Client: c, Now: time.Now}).of(t.Context(), namespaces)
		if took := time.Since(began); took != podsWithin || len(found) != len(namespaces) || found["n49"].Unknown == "" {
			t.Errorf("%d namespaces after %s: %+v", len(found), took, found["n49"])
		}
	})
}

// TestPodsOnPage shows when the pod started, for whom may know it.
func TestPodsOnPage(t *testing.T) {
	t.Parallel()
	if answer := looked(t, many(t, 3, 3))("/restores"); answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), "Pod started") {
		t.Errorf("%d: %s", answer.Code, answer.Body)
	}
}
