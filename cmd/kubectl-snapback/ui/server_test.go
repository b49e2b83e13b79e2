package ui

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/live"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/ui/screen"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

var now = time.Date(2026, time.March, 1, 12, 30, 0, 0, time.UTC)

// source is an inventory that a test sets.
type source struct {
	mu        sync.Mutex
	inventory *inventory.Inventory
	err       error
	stale     []string
	version   uint64
	next      chan struct{}
}

func (s *source) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	s.version++
	close(s.next)
	s.next = make(chan struct{})
}

func (s *source) Inventory() (*inventory.Inventory, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inventory, s.err
}

func (s *source) Version() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

func (s *source) Wait(ctx context.Context, after uint64) (uint64, error) {
	for {
		s.mu.Lock()
		version, next := s.version, s.next
		s.mu.Unlock()
		if version > after {
			return version, nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return version, ctx.Err()
		}
	}
}

func (s *source) Stale(time.Time) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stale
}

// loaded returns the inventory of objects.
func loaded(t *testing.T, objects ...client.Object) *inventory.Inventory {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: snapshotstest.Namespace}}
	c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithObjects(append(objects, ns)...).Build()
	i, err := inventory.Load(t.Context(), c, snapshotstest.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// world is a server that is served, and a browser that was let in.
type world struct {
	*source
	server  *Server
	browser *http.Client
	end     func() // ends the server, and waits for it
}

func served(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	w := &world{source: &source{inventory: loaded(t, objects...), version: 1, next: make(chan struct{})}}
	examine := func(context.Context) ([]screen.Finding, error) {
		return []screen.Finding{{Check: "clock", State: "problem", Subject: "<b>node</b>", Message: "is late", Do: "set it"}, {Check: "crds", State: "ok", Message: "there"}}, nil
	}
	var err error
	w.server, err = Listen(Config{Live: w.source, Doctor: examine, Namespace: snapshotstest.Namespace, Where: "namespace <i>kafka</i>", Message: error.Error, Now: func() time.Time { return now }}, 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.server.Serve(ctx) }()
	var once sync.Once
	w.end = func() {
		once.Do(func() {
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(w.end)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	w.browser = &http.Client{Jar: jar}
	w.get(t, strings.TrimPrefix(w.server.URL(), w.at("")))
	return w
}

func (w *world) at(path string) string {
	address, _, _ := strings.Cut(w.server.URL(), "/?")
	return address + path
}

// get returns the status and the text of a page.
func (w *world) get(t *testing.T, path string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.at(path), nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.send(t, r)
}

func (w *world) send(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	answer, err := w.browser.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // nothing was written
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func evil() client.Object {
	kb := snapshotstest.NewBackup("b", `<script>alert(1)</script>`, "csi").Obj()
	return kb
}

// TestPages have the words that a person looks for, and none that a tenant could write
// as HTML.
func TestPages(t *testing.T) {
	t.Parallel()
	w := served(t, evil(), snapshotstest.StatefulSetClaim("kafka", 0).Obj())
	for path, want := range map[string][]string{
		"/":                 {"<h1>Kafka clusters</h1>", "kubectl snapback status -n " + snapshotstest.Namespace, "&lt;script&gt;", "no KafkaBackup names this cluster"},
		"/doctor":           {"is late", "&lt;b&gt;node&lt;/b&gt;", "kubectl snapback doctor -n"},
		"/doctor?again=1":   {"is late"},
		"/static/live.js":   {"EventSource"},
		"/static/style.css": {"prefers-color-scheme"},
	} {
		status, text := w.get(t, path)
		if status != http.StatusOK {
			t.Errorf("%s: status %d: %s", path, status, text)
		}
		for _, word := range want {
			if !strings.Contains(text, word) {
				t.Errorf("%s: there is no %q in %s", path, word, text)
			}
		}
		for _, word := range []string{"<script>alert", "<b>node", "<i>kafka"} {
			if strings.Contains(text, word) {
				t.Errorf("%s: %q is not escaped", path, word)
			}
		}
	}
}

// TestStale is said on top of each page.
func TestStale(t *testing.T) {
	t.Parallel()
	w := served(t)
	w.set(func() { w.stale = []string{"the claims are <old>"} })
	for _, p := range append([]string{"/doctor", "/nowhere"}, addresses()...) {
		_, text := w.get(t, p)
		at, heading := strings.Index(text, "the claims are &lt;old&gt;"), strings.Index(text, "<h1>")
		if at < 0 || at > heading {
			t.Errorf("%s: it is not said on top: %s", p, text)
		}
	}
}

// addresses are those of all pages of an inventory that name no object.
func addresses() []string {
	var all []string
	for _, p := range pages {
		if path := strings.TrimSuffix(strings.TrimPrefix(p.pattern, "GET "), "{$}"); !strings.Contains(path, "{") {
			all = append(all, path)
		}
	}
	return all
}

// TestTroubles are said in words, with a heading and what to do.
func TestTroubles(t *testing.T) {
	t.Parallel()
	w := served(t)
	broken := *w.inventory
	for name, test := range map[string]struct {
		change func()
		path   string
		status int
		want   string
	}{
		"no such page":  {func() {}, "/nowhere", http.StatusNotFound, "There is no such page"},
		"no inventory":  {func() { w.inventory, w.err = nil, errors.New("list the claims: <no>") }, "/", http.StatusInternalServerError, "list the claims: &lt;no&gt;"},
		"not read yet":  {func() { w.inventory, w.err = nil, live.ErrReading }, "/", http.StatusServiceUnavailable, `http-equiv="refresh"`},
		"a page panics": {func() { w.inventory, w.err = nil, nil }, "/", http.StatusInternalServerError, "a mistake in this page"},
		"all is well":   {func() { w.inventory, w.err = &broken, nil }, "/", http.StatusOK, "There is no KafkaBackup"},
	} {
		w.set(test.change)
		if status, text := w.get(t, test.path); status != test.status || !strings.Contains(text, test.want) {
			t.Errorf("%s: status %d, want %d with %q: %s", name, status, test.status, test.want, text)
		}
	}
}

// TestNotLetIn shows nothing of the cluster to who was not let in.
func TestNotLetIn(t *testing.T) {
	t.Parallel()
	w := served(t)
	w.set(func() { w.stale = []string{"secret"} })
	w.browser.Jar = nil
	status, text := w.get(t, "/")
	if status != http.StatusForbidden || !strings.Contains(text, "kubectl snapback ui") || strings.Contains(text, "kafka") || strings.Contains(text, "secret") {
		t.Errorf("status %d: %s", status, text)
	}
	if strings.Contains(text, w.server.guard.CSRF()) {
		t.Error("it has the secret of the forms")
	}
}
