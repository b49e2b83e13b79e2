package ui

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/change"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/rights"
)

const (
	// actionTimeout is how long a change may take.
	actionTimeout = 10 * time.Second

	// seenWithin is how long an answer waits until the inventory has the change, so
	// that the next page shows it.
	seenWithin = time.Second

	fieldUndo = "undo" // of a form: the name of a message whose change is taken back
	fieldDone = "done" // of an address: the name of a message
)

// actions makes the changes that people ask for by forms.
type actions struct {
	changer change.Changer
	rights  *rights.Rights
	flashes flashes
}

func newActions(config Config) *actions {
	return &actions{changer: change.New(config.Client, change.DryRunNone), rights: rights.New(config.Client, config.Now)}
}

// done is, for each change, what is so after it.
var done = map[change.Name]string{
	change.Run:      "is asked for a run. That cannot be taken back; the snapshots of the run go by the retention",
	change.Hold:     "is held",
	change.Release:  "is not held any more",
	change.Freeze:   "is frozen",
	change.Unfreeze: "is not frozen any more",
	change.Suspend:  "is suspended",
	change.Resume:   "is not suspended any more",
}

// act answers a form: it makes a change, and leads back to the page with a message.
func (s *Server) act(w http.ResponseWriter, r *http.Request) {
	back := backTo(r.PostForm.Get("back"))
	a, err := s.asked(r)
	if err != nil {
		s.refused(w, r, a, back, err)
		return
	}
	// A change is not broken off half-way because the browser has gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), actionTimeout)
	defer cancel()
	version := s.Live.Version()
	undo, err := s.actions.do(ctx, a, s.Now())
	if err != nil {
		s.refused(w, r, a, back, err)
		return
	}
	seen, stop := context.WithTimeout(r.Context(), seenWithin)
	defer stop()
	_, _ = s.Live.Wait(seen, version) // if it takes longer, the page shows it later
	id := s.actions.flashes.add(fmt.Sprintf("%s %s/%s %s.", a.Kind, a.Namespace, a.Object, done[a.Name]), undo, s.Now())
	query := back.Query()
	query.Set(fieldDone, id)
	back.RawQuery = query.Encode()
	w.Header().Set("Location", back.String())
	w.WriteHeader(http.StatusSeeOther)
}

// asked returns the change that a form asks for.
func (s *Server) asked(r *http.Request) (change.Asked, error) {
	form, name := r.PostForm, change.Name(r.PathValue("name"))
	if id := form.Get(fieldUndo); id != "" {
		undo := s.actions.flashes.undo(id, s.Now())
		if undo == nil || undo.Name != name {
			return change.Asked{}, change.Refusal("it can be taken back here for some minutes, and once; nothing was changed")
		}
		return *undo, nil
	}
	a := change.Asked{
		Name: name, Namespace: form.Get("namespace"), Kind: form.Get("kind"), Object: form.Get("object"),
		UID: types.UID(form.Get("uid")), Seen: form.Get("seen"), Reason: strings.TrimSpace(form.Get("reason")),
	}
	if done[name] == "" || a.Namespace == "" || a.Object == "" || a.UID == "" {
		return change.Asked{}, change.Refusal("the form is not one of this page; nothing was changed")
	}
	if !name.NeedsReason() {
		a.Reason = ""
	}
	return a, a.CheckReason()
}

// do makes a change, unless the person may not.
func (c *actions) do(ctx context.Context, a change.Asked, now time.Time) (*change.Asked, error) {
	if why := lacks(ctx, c.rights, a); why != "" {
		return nil, lacking(why)
	}
	return c.changer.Do(ctx, a, now)
}

// lacking is the error that a person has not got the right for a change, in words.
type lacking string

// Error implements error.
func (l lacking) Error() string { return string(l) }

// refusal is what the page shows of a change that was not made.
type refusal struct {
	Says    string
	Changed string // whether something was, as far as that is known
	Command string // that asks for the same; empty: none does
	Back    string
}

// refused answers that a change was not made, or may not have been.
func (s *Server) refused(w http.ResponseWriter, r *http.Request, a change.Asked, back *url.URL, err error) {
	shown := refusal{Says: s.Message(err), Changed: "Nothing was changed.", Back: back.String()}
	if a.Name != "" {
		shown.Command = a.Command()
	}
	v, status := s.view(r, "This was not done"), statusOf(err)
	switch status {
	case http.StatusConflict: // a refusal says it itself
		shown.Changed = ""
	case http.StatusBadGateway:
		v.Title = "This may not have been done"
		shown.Changed = "Whether something was changed is not known. Look at the page, and try again if it was not."
	}
	v.Screen = shown
	s.render(w, r, status, "refused.html", v)
}

// statusOf returns the HTTP status of a change that was not made.
func statusOf(err error) int {
	var refused change.Refusal
	var lacks lacking
	switch {
	case errors.As(err, &refused):
		return http.StatusConflict
	case errors.As(err, &lacks), apierrors.IsForbidden(err):
		return http.StatusForbidden
	case change.Unchanged(err):
		return http.StatusUnprocessableEntity
	}
	return http.StatusBadGateway
}

// pageOf returns the address of a page, for a form to lead back to.
func pageOf(u *url.URL) string {
	query := u.Query()
	query.Del(fieldDone)
	page := url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: query.Encode()}
	return page.String()
}

// backTo returns the page that a form leads back to. An address that is not one of
// this server's pages is the first page.
func backTo(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" ||
		!strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.ContainsAny(u.Path, "\\\r\n\t") {
		return &url.URL{Path: "/"}
	}
	return &url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}
}
