package guard

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
)

// secretPath is what a path begins with that is below a secret one: that of this
// server, of an earlier one, or of a colleague's. Programs that pass addresses on may
// encode its sign.
var secretPath = regexp.MustCompile(`^(/(?:~|%7[Ee])[A-Z2-7]{26,})(?:/.*)?$`)

// dots decodes dots: for browsers, encoded ones lead out of a folder too.
var dots = strings.NewReplacer("%2e", ".", "%2E", ".")

func newSecretPath() string { return "/~" + rand.Text() }

// where is the path of a request, in two parts.
type where struct {
	prefix string // that looks like a secret path, whosever it is; empty: there is none
	page   string // the rest: it begins with one slash, and is escaped
}

// whereIs splits the path of a request. It goes by the path as it was sent, as the
// routes do: for them, an encoded slash ends no part of a path. The page has no empty
// parts and no dots, so that it leads to no other host and out of no folder.
func whereIs(u *url.URL) where {
	sent, prefix := u.EscapedPath(), ""
	if found := secretPath.FindStringSubmatch(sent); found != nil {
		prefix = found[1]
	}
	page := path.Clean("/" + dots.Replace(sent[len(prefix):]))
	if strings.HasSuffix(sent, "/") && page != "/" {
		page += "/"
	}
	return where{prefix, page}
}

// public reports whether nothing there is secret.
func (at where) public() bool { return at.prefix == "" && strings.HasPrefix(at.page, Public) }

// address returns the address of the page without a prefix and without a token: what a
// person may pass on.
func (at where) address(query url.Values) *url.URL {
	kept := url.Values{}
	for name, values := range query {
		if name != FieldToken {
			kept[name] = values
		}
	}
	decoded, err := url.PathUnescape(at.page)
	if err != nil { // never: it was decoded before
		return &url.URL{Path: "/"}
	}
	return &url.URL{Path: decoded, RawPath: at.page, RawQuery: kept.Encode()}
}

// inner returns a request as the routes know it, without the prefix.
func (at where) inner(r *http.Request) *http.Request {
	inside := *r
	page := at.address(nil)
	u := *r.URL
	u.Path, u.RawPath = page.Path, page.RawPath
	inside.URL = &u
	return &inside
}

// At returns the address on this server of a page, whose path begins with a slash. All
// links, forms and redirects of the pages go through it.
func (g *Guard) At(page string) string { return g.path + page }
