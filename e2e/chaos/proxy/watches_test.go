package proxy

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// watch opens a watch, and returns once something has come on it.
func (b *behind) watch() io.ReadCloser {
	b.t.Helper()
	resp, err := b.client.Get(b.host + "/apis/things?watch=true")
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 6)); err != nil {
		b.t.Fatal(err)
	}
	return resp.Body
}

// TestCutWatch has a fault that ends the watches that are open when it begins.
func TestCutWatch(t *testing.T) {
	for _, e := range []Effect{{Name: "cut", Cut: true}, {Name: "expired", Expire: true}} {
		b := newBehind(t)
		watch := b.watch()
		defer watch.Close() //nolint:errcheck // only read
		end := b.suffers(e)
		if _, err := io.Copy(io.Discard, watch); err == nil {
			t.Errorf("%s: the watch ended as if all were well", e.Name)
		}
		end()
		if err := b.watch().Close(); err != nil { // the next one is well
			t.Error(err)
		}
		b.faults.mu.Lock()
		if n := len(b.faults.open); n > 1 {
			t.Errorf("%s: %d watches are thought to be open", e.Name, n)
		}
		b.faults.mu.Unlock()
	}
}

// TestExpiredWatch begins a watch from a version that is gone.
func TestExpiredWatch(t *testing.T) {
	b := newBehind(t)
	defer b.suffers(Effect{Name: "expired", Expire: true})()
	resp, err := b.client.Get(b.host + "/apis/things?watch=true")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(resp.Body)
	if want := `{"type":"ERROR","object":{"kind":"Status"`; err != nil || !strings.HasPrefix(string(body), want) || !strings.Contains(string(body), `"code":410`) {
		t.Errorf("%s, %v", body, err)
	}
	if n := b.came.Load(); n != 0 {
		t.Errorf("%d requests came through", n)
	}
}

// TestLists tells lists from what else is read.
func TestLists(t *testing.T) {
	for path, want := range map[string]bool{
		"/api/v1/namespaces":                                    true,
		"/api/v1/namespaces/kafka":                              false,
		"/api/v1/namespaces/kafka/pods":                         true,
		"/api/v1/namespaces/kafka/pods/one":                     false,
		"/api/v1/pods?watch=true":                               false,
		"/api/v1/pods?watch=true&sendInitialEvents=true":        true,
		"/apis/snapshot.storage.k8s.io/v1/volumesnapshots":      true,
		"/apis/apps/v1/namespaces/kafka/statefulsets":           true,
		"/apis/apps/v1/namespaces/kafka/statefulsets/one/scale": false,
		"/api/v1": false, "/apis/apps/v1": false, "/readyz": false, "/": false,
	} {
		r, err := http.NewRequest(http.MethodGet, "http://host"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := requestOf("people", r).List; got != want {
			t.Errorf("%s: %v", path, got)
		}
		r.Method = http.MethodPost
		if requestOf("people", r).List {
			t.Errorf("a POST to %s is a list", path)
		}
	}
}
