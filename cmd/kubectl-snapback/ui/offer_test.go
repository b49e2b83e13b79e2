package ui

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestOffersAreAskedTogether looks at several KafkaBackups as somebody who may change
// none, and has the apiserver answer about them only once it was asked about two.
func TestOffersAreAskedTogether(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	asked, both := 0, make(chan struct{})
	create := func(ctx context.Context, _ client.WithWatch, o client.Object, _ ...client.CreateOption) error {
		if o.(*authorizationv1.SelfSubjectAccessReview).Spec.ResourceAttributes.Name == "" {
			return nil
		}
		mu.Lock()
		if asked++; asked == 2 {
			close(both)
		}
		mu.Unlock()
		select {
		case <-both:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithInterceptorFuncs(interceptor.Funcs{Create: create}).Build()
	var backups []client.Object
	for _, name := range []string{"a", "b", "c"} {
		kb := snapshotstest.NewBackup(name, "kafka", "csi").Obj()
		backups = append(backups, kb)
	}
	for _, path := range []string{"/backups", "/clusters/kafka/kafka"} {
		s, err := newServer(Config{Live: &source{inventory: loaded(t, backups...), version: 1, next: make(chan struct{})}, Client: c, Where: "a test",
			Message: error.Error, Now: func() time.Time { return now }}, testPort)
		if err != nil {
			t.Fatal(err)
		}
		in := httptest.NewRecorder()
		s.handler.ServeHTTP(in, httptest.NewRequest(http.MethodGet, s.URL(), nil))
		r := httptest.NewRequest(http.MethodGet, testOrigin+s.guard.At(path), nil)
		r.AddCookie(in.Result().Cookies()[0])
		w := httptest.NewRecorder()
		asked, both = 0, make(chan struct{})
		s.handler.ServeHTTP(w, r)
		if text := w.Body.String(); strings.Contains(text, "is not known, since") || strings.Count(text, "you may not patch kafkabackups") < 3 {
			t.Errorf("%s: asked %d times:\n%s", path, asked, text)
		}
	}
}
