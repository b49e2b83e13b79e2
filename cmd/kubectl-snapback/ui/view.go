package ui

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

//go:embed pages
var pageFiles embed.FS

const (
	layout    = "layout"
	errorPage = "error.html"
)

// view is what a template gets. A page's own template defines "main", and finds what
// it shows in Screen.
type view struct {
	Title   string
	Command string // the kubectl command that says the same; empty: none does
	Path    string // of this page, to mark it in the navigation
	Where   string // which cluster it is
	Version uint64 // of the inventory; 0: the page does not change by itself
	CSRF    string // every form sends it, in the field csrf
	Reload  int    // after how many seconds the page is asked for again; 0: never
	Stale   []string
	Notes   []string // what could not be read
	Now     time.Time
	Screen  any    // of package screen, or a trouble
	Flash   *flash // of a change that was just made; nil: none

	offers *offers
}

// Ago returns a time relative to when the page was made.
func (v view) Ago(t time.Time) string { return inventory.Ago(t, v.Now) }

// Back returns the address of the page, for a form to lead back to.
func (v view) Back() string { return v.offers.back }

// Here reports whether the page is below a path.
func (v view) Here(p string) bool {
	return v.Path == p || p != "/" && strings.HasPrefix(v.Path, p+"/")
}

func (s *Server) view(r *http.Request, title string) view {
	now := s.Now()
	v := view{Title: title, Path: r.URL.Path, Where: s.Where, CSRF: s.guard.CSRF(), Stale: s.Live.Stale(now), Now: now, offers: s.offers(r)}
	if id := r.URL.Query().Get(fieldDone); id != "" && r.Method == http.MethodGet {
		v.Flash = s.actions.flashes.show(id, now)
	}
	return v
}

// parse returns the template of each page, by the name of its file.
func parse() (map[string]*template.Template, error) {
	base, err := template.New(layout).Funcs(template.FuncMap{"time": timeHTML, "path": pathTo}).ParseFS(pageFiles, "pages/layout.html", "pages/actions.html", "pages/parts.html")
	if err != nil {
		return nil, fmt.Errorf("read the layout: %w", err)
	}
	names, err := fs.Glob(pageFiles, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("list the pages: %w", err)
	}
	all := map[string]*template.Template{}
	for _, name := range names {
		own, err := base.Clone()
		if err == nil {
			own, err = own.ParseFS(pageFiles, name)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		all[path.Base(name)] = own
	}
	return all, nil
}

// timeHTML returns a time as an element that the browser can show in its own zone.
func timeHTML(t time.Time) template.HTML {
	if t.IsZero() {
		return "-"
	}
	t = t.UTC()
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `">` + t.Format("2006-01-02 15:04:05 UTC") + `</time>`)
}

// pathTo returns the path of a page, of its parts.
func pathTo(parts ...string) string {
	text := ""
	for _, p := range parts {
		text += "/" + url.PathEscape(p)
	}
	return text
}
