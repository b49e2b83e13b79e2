package e2e

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/client-go/rest"

	"github.com/snapback-dev/snapback/e2e/showcase"
)

// toShow makes the cluster with troubles, in a namespace of the test's own.
func toShow(t *testing.T) *showcase.World {
	t.Helper()
	program, err := plugin()
	if err != nil {
		t.Fatal(err)
	}
	c := apiClient(t)
	w := &showcase.World{Client: c, Namespace: newNamespace(t, c, nil), Program: program, Kubeconfig: shared.Get(t).Kubeconfig()}
	if err := w.Troubled(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	return w
}

// startUI starts the page in the world's namespace, and ends it with the test.
func startUI(t *testing.T, w *showcase.World, flags ...string) *showcase.Page {
	t.Helper()
	// The test ends it as a person does.
	page, err := w.Start(context.WithoutCancel(t.Context()), append(flags, "-n", w.Namespace)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := page.Stop(); err != nil {
			t.Error(err)
		}
	})
	return page
}

// counter stands between a client and the apiserver, and counts what is asked.
type counter struct {
	*httptest.Server
	mu    sync.Mutex
	asked map[string]int // such as "list pods"
}

func countRequests(t *testing.T) *counter {
	t.Helper()
	config := shared.Get(t).Config
	upstream, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{asked: map[string]int{}}
	names := &request.RequestInfoFactory{APIPrefixes: sets.NewString("api", "apis"), GrouplessAPIPrefixes: sets.NewString("api")}
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(upstream) }, Transport: transport, FlushInterval: -1}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if info, err := names.NewRequestInfo(r); err == nil && info.IsResourceRequest && r.URL.Query().Get("continue") == "" {
			verb := info.Verb
			if r.URL.Query().Get("sendInitialEvents") == "true" {
				verb = "list" // by a watch that begins with all that there is
			}
			c.mu.Lock()
			c.asked[verb+" "+strings.TrimSuffix(info.Resource+"/"+info.Subresource, "/")]++
			c.mu.Unlock()
		}
		pass.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		c.CloseClientConnections() // watches do not end by themselves
		c.Close()
	})
	return c
}

// all are the requests so far whose verb is this one.
func (c *counter) all(verb string) map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	some := map[string]int{}
	for what, n := range c.asked {
		if strings.HasPrefix(what, verb+" ") {
			some[what] = n
		}
	}
	return some
}

// answerOf sends a request without a browser; with a field, it is a form.
func answerOf(t *testing.T, c *http.Client, method, address string, form url.Values, header http.Header) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Host = header.Get("Host")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, string(body)}
}

// answer is what the page's server says.
type answer struct {
	status int
	body   string
}
