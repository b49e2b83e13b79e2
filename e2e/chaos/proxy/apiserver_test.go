package proxy

import (
	"bytes"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/snapback-dev/snapback/e2e/certs"
	"github.com/snapback-dev/snapback/e2e/chaos/record"
)

// behind is a proxy in front of a server that counts what comes to it.
type behind struct {
	t      *testing.T
	faults Faults
	came   atomic.Int64
	client *http.Client
	host   string
	log    *record.Log
	path   string
}

func newBehind(t *testing.T) *behind {
	t.Helper()
	b := &behind{t: t, path: filepath.Join(t.TempDir(), "record")}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.came.Add(1)
		if r.URL.Query().Get("watch") != "true" {
			io.WriteString(w, `{"kind":"Answer"}`) //nolint:errcheck // the test sees what is missing
			return
		}
		for r.Context().Err() == nil {
			io.WriteString(w, "event\n") //nolint:errcheck // the test sees what is missing
			w.(http.Flusher).Flush()
			select {
			case <-time.After(10 * time.Millisecond):
			case <-r.Context().Done():
			}
		}
	}))
	t.Cleanup(server.Close)
	ca, err := certs.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	if b.log, err = record.Create(b.path); err != nil {
		t.Fatal(err)
	}
	upstream := &rest.Config{Host: server.URL, TLSClientConfig: rest.TLSClientConfig{
		CAData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})}}
	p, err := NewAPIServer("scheduler-0", upstream, ca, &b.faults, b.log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	config := p.Config(ca, "token")
	b.host = config.Host
	if b.client, err = rest.HTTPClientFor(config); err != nil {
		t.Fatal(err)
	}
	return b
}

// suffers puts an effect in force, and takes it back with the function returned.
func (b *behind) suffers(e Effect) func() {
	return b.faults.Add(func(r Request) Effect {
		if r.Component != "scheduler-0" {
			b.t.Errorf("component %q", r.Component)
		}
		return e
	})
}

func (b *behind) post() (status int, err error) {
	resp, err := b.client.Post(b.host+"/apis/things", "application/json", strings.NewReader(`{"kind":"Question"}`))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	_, err = io.ReadAll(resp.Body)
	return resp.StatusCode, err
}

// writes are what was recorded.
func (b *behind) writes() (all []record.Write) {
	b.t.Helper()
	if err := b.log.Close(); err != nil {
		b.t.Fatal(err)
	}
	content, err := os.ReadFile(b.path)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := record.Read(bytes.NewReader(content), func(r record.Record) error { all = append(all, *r.Write); return nil }); err != nil {
		b.t.Fatal(err)
	}
	return all
}

// TestFaultsOfWrites has a write pass, be refused, be cut, and lose its answer.
func TestFaultsOfWrites(t *testing.T) {
	b := newBehind(t)
	if status, err := b.post(); status != 200 || err != nil {
		t.Errorf("without a fault: %d, %v", status, err)
	}
	end := b.suffers(Effect{Name: "status", Status: 429})
	if status, err := b.post(); status != 429 || err != nil {
		t.Errorf("refused: %d, %v", status, err)
	}
	end()
	end = b.suffers(Effect{Name: "cut", Cut: true})
	if status, err := b.post(); err == nil {
		t.Errorf("cut: %d", status)
	}
	end()
	if n := b.came.Load(); n != 1 {
		t.Errorf("%d requests came through, want 1", n)
	}
	end = b.suffers(Effect{Name: "lost", Lose: true})
	if status, err := b.post(); err == nil {
		t.Errorf("lost: %d", status)
	}
	end()
	end = b.suffers(Effect{Name: "late", Lose: true, Status: 504})
	if status, err := b.post(); status != 504 || err != nil {
		t.Errorf("lost with a status: %d, %v", status, err)
	}
	end()
	if n := b.came.Load(); n != 3 {
		t.Errorf("%d requests came through, want 3", n)
	}
	var got []int
	for _, w := range b.writes() {
		got = append(got, w.Status)
		if string(w.Body) != `{"kind":"Question"}` || w.Component != "scheduler-0" {
			t.Errorf("%+v", w)
		}
	}
	if want := []int{200, 429, 0, 200, 200}; !slices.Equal(got, want) {
		t.Errorf("recorded: %v, want %v", got, want)
	}
}

// TestMutedWatch has a watch that says nothing while it is muted, and ends after it.
func TestMutedWatch(t *testing.T) {
	b := newBehind(t)
	resp, err := b.client.Get(b.host + "/apis/things?watch=true") //nolint:bodyclose // it is, below
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	event := make([]byte, 6)
	if _, err := io.ReadFull(resp.Body, event); err != nil {
		t.Fatal(err)
	}
	end := b.suffers(Effect{Name: "mute", Mute: true})
	ended := make(chan error)
	go func() {
		_, err := io.Copy(io.Discard, resp.Body) // what was under way comes still
		ended <- err
	}()
	select {
	case err := <-ended:
		t.Fatalf("it ended while it was muted: %v", err)
	case <-time.After(3 * poll):
	}
	end()
	if err := <-ended; err == nil {
		t.Error("it went on after it was muted")
	}
}
