package ui

import (
	"errors"
	"net/http"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/ui/guard"
)

// trouble is an answer that there is no page, and what to do. It is an error, so that
// a page can return it.
type trouble struct {
	Status  int
	Heading string
	Says    string
	Do      string
	Again   bool // the same address may work when it is opened from this page
	Out     bool // whoever asks was not let in: nothing of the cluster is shown
}

func (t trouble) Error() string { return t.Heading + ": " + t.Says }

// trouble answers with the page of a trouble.
func (s *Server) trouble(w http.ResponseWriter, r *http.Request, t trouble) {
	v := view{Title: t.Heading, Path: r.URL.Path, Now: s.Now(), Screen: t}
	if !t.Out {
		v = s.view(r, t.Heading)
		v.Screen, v.Version = t, s.Live.Version() // it may be there after a change
	}
	s.render(w, r, t.Status, errorPage, v)
}

// fail answers with a page that says an error.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var t trouble
	if !errors.As(err, &t) {
		t = trouble{Status: http.StatusInternalServerError, Heading: "This cannot be shown", Says: s.Message(err), Again: true,
			Do: "Try again. If it stays so, ask the same in a terminal: kubectl snapback status."}
	}
	s.trouble(w, r, t)
}

// reading answers that the objects are still being read. The page asks again.
func (s *Server) reading(w http.ResponseWriter, r *http.Request) {
	t := trouble{Status: http.StatusServiceUnavailable, Heading: "The cluster is being read", Again: true,
		Says: "This takes a while if there are many VolumeSnapshots, or if the apiserver does not answer.", Do: "The page is asked for again by itself."}
	v := s.view(r, t.Heading)
	v.Screen, v.Reload = t, 2
	w.Header().Set("Retry-After", "2")
	s.render(w, r, t.Status, errorPage, v)
}

// refuse answers a request that the guard refuses.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, refused guard.Refusal) {
	s.trouble(w, r, trouble{Status: refused.Status, Heading: "You are not let in", Says: "This is not answered: " + refused.Why + ".", Again: refused.Again, Out: true,
		Do: "Open the address that kubectl snapback ui has printed in the terminal; it has a token. If you came here by a link and were let in before, open this page again."})
}
