// Package guard lets only the person who has started the server use it: other users
// and programs of the machine, and pages of other sites in the same browser, get
// nothing and change nothing.
//
// Whoever opens an address with the token gets a cookie. Every request needs the
// cookie, and a Host header that names this machine and port, so that no site can lead
// here by a name of its own (DNS rebinding). A request that writes needs a field with
// a secret of the pages too, and the Origin of this server.
//
// Browsers keep cookies by host, not by port. A page of another server on another port
// of this machine can so send requests with our cookie. It cannot read the answers,
// since no header here lets it (CORS), it knows no secret of our pages, and its Origin
// is another one. Such requests are refused all the same, where the browser says where
// they come from, except that a page is opened in its own window.
//
// What cannot be kept out is a program of this machine that serves another port, and
// that the person opens in the same browser: it gets the cookie, and is no browser that
// says where it comes from. The documentation tells its users.
package guard

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const (
	// FieldToken is the name of the query's field that has the token.
	FieldToken = "token"

	// FieldCSRF is the name of the form's field that has the secret of [Guard.CSRF].
	FieldCSRF = "csrf"

	// Public is the path below which nothing is secret: it needs no cookie, so that the
	// page that says how to get in has its style.
	Public = "/static/"

	maxForm = 64 << 10
)

// Guard decides which requests are answered. It is made by [New].
type Guard struct {
	token, session, csrf string
	cookie               string // its name, with the port, since cookies are kept by host
	hosts                []string
	deny                 Deny

	mu   sync.Mutex
	once string // a token that is good for one use; empty: it was used
}

// Refusal is why a request is not answered.
type Refusal struct {
	Status int
	Why    string // in words, for a person
	Again  bool   // the same address may work if it is opened from this page
}

// Deny writes the answer to a request that is refused.
type Deny func(http.ResponseWriter, *http.Request, Refusal)

// New returns a guard of the server on a port of this machine, with new secrets.
func New(port int, deny Deny) *Guard {
	p := strconv.Itoa(port)
	return &Guard{
		token: rand.Text(), session: rand.Text(), csrf: rand.Text(), once: rand.Text(),
		cookie: "snapback-" + p, hosts: []string{"127.0.0.1:" + p, "localhost:" + p, "[::1]:" + p}, deny: deny,
	}
}

// URL returns the address that lets a person in, as long as the server runs.
func (g *Guard) URL() string { return g.address(g.token) }

// Once returns an address that lets in the first who opens it. It is for the command
// that opens a browser, whose arguments other users of the machine may see.
func (g *Guard) Once() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.address(g.once)
}

func (g *Guard) address(token string) string {
	return "http://" + g.hosts[0] + "/?" + FieldToken + "=" + token
}

// CSRF returns the secret that every form sends in [FieldCSRF].
func (g *Guard) CSRF() string { return g.csrf }

// Wrap returns a handler that passes on what may be answered, and sets the headers
// that limit what the browser does with the answers.
func (g *Guard) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit(w.Header())
		switch refused := g.request(r); {
		case refused != nil:
			g.deny(w, r, *refused)
		case public(r):
			next.ServeHTTP(w, r)
		case r.Method == http.MethodGet && r.URL.Query().Has(FieldToken):
			g.letIn(w, r)
		default:
			if refused := g.person(w, r); refused != nil {
				g.deny(w, r, *refused)
				return
			}
			next.ServeHTTP(w, r)
		}
	})
}

// limit sets the headers of every answer.
func limit(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "+
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // with "no-referrer", browsers send forms with the Origin "null"
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// public reports whether a request needs no cookie. It goes by the path as it was sent,
// as the routes do: for them, an encoded slash ends no part of a path.
func public(r *http.Request) bool {
	return reads(r) && strings.HasPrefix(r.URL.EscapedPath(), Public)
}

func reads(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// request judges where a request comes from; nil: it may go on.
func (g *Guard) request(r *http.Request) *Refusal {
	switch {
	case !slices.Contains(g.hosts, r.Host):
		return &Refusal{Status: http.StatusForbidden, Why: "this address is not one of this machine: use the one that the command has printed"}
	case !reads(r) && r.Method != http.MethodPost:
		return &Refusal{Status: http.StatusMethodNotAllowed, Why: fmt.Sprintf("the method %q is not known here", r.Method)}
	case foreign(r):
		return &Refusal{Status: http.StatusForbidden, Why: "the request comes from a page of another site", Again: reads(r)}
	}
	return nil
}

// foreign reports whether the browser says that a page of another site, or of another
// port, has sent the request. That a page is opened in its own window, as by a link, is
// nothing that the other one could make use of.
func foreign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none": // an old browser does not say; "none" is an address that was typed
		return false
	}
	opened := r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
	return !(opened && r.Method == http.MethodGet)
}

// letIn gives the cookie to who has the token, and leads to the address without it, so
// that it is in no history.
func (g *Guard) letIn(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if !g.good(query.Get(FieldToken)) {
		g.deny(w, r, Refusal{Status: http.StatusForbidden, Why: "the token in the address is not the one of this server, or was good for one use"})
		return
	}
	http.SetCookie(w, &http.Cookie{Name: g.cookie, Value: g.session, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	query.Del(FieldToken)
	to := "/" + strings.TrimLeft(r.URL.EscapedPath(), "/") // two slashes would lead to another host
	if len(query) > 0 {
		to += "?" + query.Encode()
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// good reports whether a token lets in, and uses up the one that is good once.
func (g *Guard) good(token string) bool {
	if equal(token, g.token) {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.once == "" || !equal(token, g.once) {
		return false
	}
	g.once = ""
	return true
}

// person judges whether the person of a request was let in, and has sent it from one of
// our pages if it writes; nil: yes.
func (g *Guard) person(w http.ResponseWriter, r *http.Request) *Refusal {
	if !g.known(r) {
		return &Refusal{Status: http.StatusForbidden, Why: "your browser was not let in yet", Again: reads(r)}
	}
	if reads(r) {
		return nil
	}
	if origin, ok := strings.CutPrefix(r.Header.Get("Origin"), "http://"); !ok || origin != r.Host {
		return &Refusal{Status: http.StatusForbidden, Why: "the form was not sent from a page of this server"}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return &Refusal{Status: http.StatusBadRequest, Why: "the form cannot be read: " + err.Error()}
	}
	if !equal(r.PostForm.Get(FieldCSRF), g.csrf) {
		return &Refusal{Status: http.StatusForbidden, Why: "the form is of a server that has ended: open the page again, and send it from there"}
	}
	return nil
}

// known reports whether a request has the cookie. There may be others of its name, from
// another path.
func (g *Guard) known(r *http.Request) bool {
	return slices.ContainsFunc(r.CookiesNamed(g.cookie), func(c *http.Cookie) bool { return equal(c.Value, g.session) })
}

// equal compares secrets, in a time that tells nothing about them.
func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
