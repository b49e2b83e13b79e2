package forward

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/snapback-dev/snapback/api"
)

// apiserver forwards ports by SPDY only, and echoes what is sent to 9092. Nothing
// listens on other ports, and port 1 is silent.
type apiserver struct {
	t    *testing.T
	mu   sync.Mutex
	said []string
	gone chan struct{} // closed when a connection has ended
}

func (a *apiserver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.said = append(a.said, r.Method+" "+r.URL.Path)
	a.mu.Unlock()
	if _, err := httpstream.Handshake(r, w, []string{portforward.PortForwardProtocolV1Name}); err != nil {
		http.Error(w, "no WebSockets here", http.StatusBadRequest)
		return
	}
	streams := make(chan httpstream.Stream, 2)
	over := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
		streams <- s
		return nil
	})
	if over == nil {
		a.t.Error("the request could not be upgraded")
		return
	}
	defer func() { _ = over.Close() }()
	failures, data := <-streams, <-streams
	switch data.Headers().Get(corev1.PortHeader) {
	case "9092":
		_, _ = io.Copy(data, data) // ends when the other side closes
	case "1":
		<-over.CloseChan()
	default:
		_, _ = failures.Write([]byte("connection refused"))
	}
	_ = failures.Close()
	_ = data.Close()
	<-over.CloseChan()
	close(a.gone)
}

func forwarder(t *testing.T) (*Forwarder, *apiserver) {
	t.Helper()
	a := &apiserver{t: t, gone: make(chan struct{})}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	p := pod("kafka-0", "10.0.0.1")
	f, err := New(&rest.Config{Host: server.URL}, fake.NewClientBuilder().WithScheme(api.NewScheme()).WithObjects(&p).Build(), "kafka")
	if err != nil {
		t.Fatal(err)
	}
	return f, a
}

func TestDial(t *testing.T) {
	t.Parallel()
	f, a := forwarder(t)
	conn, err := f.Dial(t.Context(), "tcp", "kafka-0.headless.kafka.svc:9092")
	if err != nil {
		t.Fatal(err)
	}
	sent := bytes.Repeat([]byte("snapback"), 100_000)
	go func() { _, _ = conn.Write(sent) }()
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("the echo differs: %v", err)
	}
	if err := conn.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(got); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after its deadline a read returns %v", err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	<-a.gone // nothing is forwarded any more
	const path = "/api/v1/namespaces/kafka/pods/kafka-0/portforward"
	if want := "GET " + path + ", POST " + path; strings.Join(a.said, ", ") != want {
		t.Errorf("asked for %q, want %q: a WebSocket first, then SPDY", a.said, want)
	}
}

// TestNothingListens returns the reason that the other side gives.
func TestNothingListens(t *testing.T) {
	t.Parallel()
	f, _ := forwarder(t)
	conn, err := f.Dial(t.Context(), "tcp", "kafka-0:9999")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Read(make([]byte, 1)); err == nil || err.Error() != "connection refused" {
		t.Errorf("a read returns %v", err)
	}
}

func TestDialFails(t *testing.T) {
	t.Parallel()
	f, _ := forwarder(t)
	given, giveUp := context.WithCancel(t.Context())
	giveUp()
	for addr, want := range map[string]string{
		"kafka-0":      "missing port",
		"kafka-0:port": "its port is no number",
		"kafka-7:9092": "no pod and no Service of namespace kafka is known as kafka-7",
	} {
		if conn, err := f.Dial(t.Context(), "tcp", addr); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v; want %s", addr, conn, err, want)
		}
	}
	if _, err := f.Dial(given, "tcp", "kafka-0:1"); !errors.Is(err, context.Canceled) {
		t.Errorf("after the caller has given up: %v", err)
	}
}
