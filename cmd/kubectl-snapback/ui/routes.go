package ui

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/live"
)

// shown is what package screen makes for a page.
type shown interface {
	Title() string
	Command() string
}

// page is an address that shows a screen made of the inventory.
type page struct {
	pattern  string
	template string // a file of pages/
	show     func(*Server, *http.Request, *inventory.Inventory, time.Time) (shown, error)
}

// pages are all addresses that show an inventory.
var pages = []page{
	{"GET /{$}", "clusters.html", (*Server).clusters},
	{"GET /clusters/{namespace}/{cluster}", "cluster.html", (*Server).cluster},
	{"GET /claims/{namespace}/{claim}", "claim.html", (*Server).claim},
	{"GET /restores", "restores.html", (*Server).restores},
	{"GET /backups", "backups.html", (*Server).backups},
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for _, p := range pages {
		mux.HandleFunc(p.pattern, func(w http.ResponseWriter, r *http.Request) { s.show(w, r, p) })
	}
	mux.HandleFunc("GET /doctor", s.doctor)
	mux.HandleFunc("POST /actions/{name}", s.act)
	mux.Handle("GET /events", s.events)
	mux.Handle("GET /static/", http.FileServerFS(static))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.trouble(w, r, trouble{Status: http.StatusNotFound, Heading: "There is no such page", Says: "Nothing is at " + r.URL.Path + ".", Do: "Go on from the Kafka clusters."})
	})
	return mux
}

// show answers with a page of the inventory.
func (s *Server) show(w http.ResponseWriter, r *http.Request, p page) {
	i, version, err := s.inventory(r)
	if errors.Is(err, live.ErrReading) {
		s.reading(w, r)
		return
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	v := s.view(r, "")
	what, err := p.show(s, r, i, v.Now)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	v.Title, v.Command, v.Version, v.Notes, v.Screen = what.Title(), what.Command(), version, i.Notes, what
	s.render(w, r, http.StatusOK, p.template, v)
}

// inventory returns the inventory and its version, or an older one. It waits for the
// first one.
func (s *Server) inventory(r *http.Request) (*inventory.Inventory, uint64, error) {
	version := s.Live.Version()
	if version == 0 {
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		if _, err := s.Live.Wait(ctx, 0); err != nil {
			return nil, 0, fmt.Errorf("%w: %w", live.ErrReading, err)
		}
		version = s.Live.Version()
	}
	i, err := s.Live.Inventory()
	return i, version, err
}
