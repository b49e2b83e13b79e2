// Package ui serves the page of "kubectl snapback ui" on this machine: with the rights
// of the person who has started it, and for that person alone.
package ui

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/ui/guard"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/ui/screen"
)

//go:embed static
var static embed.FS

const (
	// patience is how long a page waits for the first inventory before it says that the
	// cluster is still being read.
	patience = 10 * time.Second

	// farewell is how long answers that are under way may take when the server ends.
	farewell = time.Second

	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
)

// Source is an inventory that is up to date; see package live.
type Source interface {
	Inventory() (*inventory.Inventory, error)
	Version() uint64
	Wait(ctx context.Context, after uint64) (uint64, error)
	Stale(now time.Time) []string
}

// Config is what the server shows, and with what rights.
type Config struct {
	Live      Source
	Client    client.Client // of the person, with rehearsal's warnings; for what is not watched, and for writes
	Doctor    func(context.Context) ([]screen.Finding, error)
	Namespace string // that is shown; empty: all
	Where     string // which cluster it is, in words
	Message   func(error) string
	Now       func() time.Time
}

// Server serves the pages on a port of this machine.
type Server struct {
	Config
	guard     *guard.Guard
	listener  net.Listener
	handler   http.Handler
	templates map[string]*template.Template
	findings  *findings
	events    *events
	actions   *actions
	answers   *answers
}

// Listen returns a server that listens on a port of this machine; 0: on a free one. It
// answers once it is served.
func Listen(config Config, port int) (*Server, error) {
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		return nil, fmt.Errorf("listen on port %d of this machine, choose another one with --port: %w", port, err)
	}
	s, err := newServer(config, listener.Addr().(*net.TCPAddr).Port)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s.listener = listener
	return s, nil
}

func newServer(config Config, port int) (*Server, error) {
	s := &Server{Config: config, findings: &findings{examine: config.Doctor, now: config.Now}, events: newEvents(config.Live), answers: newAnswers(config), actions: newActions(config)}
	var err error
	if s.templates, err = parse(); err != nil {
		return nil, err
	}
	s.guard = guard.New(port, s.refuse)
	s.handler = s.guard.Wrap(s.recovered(s.routes()))
	return s, nil
}

// URL returns the address that lets a person in.
func (s *Server) URL() string { return s.guard.URL() }

// Once returns an address that lets in the first who opens it.
func (s *Server) Once() string { return s.guard.Once() }

// Serve answers until the context ends.
func (s *Server) Serve(ctx context.Context) error {
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout,
		BaseContext: func(net.Listener) context.Context { return ctx }, // so that waiting answers end with it
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(s.listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve the page: %w", err)
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if server.Shutdown(bounded) != nil {
		_ = server.Close() // what still waits is given up
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the page: %w", err)
	}
	return nil
}

// recovered keeps the server alive when a page panics.
func (s *Server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if err, is := p.(error); is && errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			if p != nil {
				s.fail(w, r, fmt.Errorf("a mistake in this page: %v", p))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// render writes a page, or another one that says why there is none.
func (s *Server) render(w http.ResponseWriter, r *http.Request, status int, name string, v view) {
	var page bytes.Buffer
	if err := s.templates[name].ExecuteTemplate(&page, layout, v); err != nil {
		if name == errorPage {
			http.Error(w, v.Title, status)
			return
		}
		s.fail(w, r, fmt.Errorf("make the page: %w", err))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // nobody is left to tell
}
