package guard

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

const (
	port = 4711
	host = "127.0.0.1:4711"
)

// asked is a request of a person who was let in, which each test spoils.
type asked struct {
	method, target, host string
	header               map[string]string
	form                 url.Values
	cookie               *http.Cookie
}

func (a asked) answer(t *testing.T, g *Guard) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), a.method, a.target, strings.NewReader(a.form.Encode()))
	r.Host = a.host
	if a.form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range a.header {
		r.Header.Set(name, value)
	}
	if a.cookie != nil {
		r.AddCookie(a.cookie)
	}
	w := httptest.NewRecorder()
	g.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })).ServeHTTP(w, r)
	return w
}

func guarded() *Guard {
	return New(port, func(w http.ResponseWriter, _ *http.Request, r Refusal) { w.WriteHeader(r.Status) })
}

func TestGuard(t *testing.T) {
	t.Parallel()
	const passed, forbidden = http.StatusNoContent, http.StatusForbidden
	g := guarded()
	in := &http.Cookie{Name: g.cookie, Value: g.session}
	get := func(change func(*asked)) asked {
		a := asked{method: http.MethodGet, target: g.At("/"), host: host, header: map[string]string{"Sec-Fetch-Site": "same-origin"}, cookie: in}
		change(&a)
		return a
	}
	post := func(change func(*asked)) asked {
		a := asked{
			method: http.MethodPost, target: g.At("/actions/run"), host: host, cookie: in,
			header: map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://" + host}, form: url.Values{FieldCSRF: {g.csrf}},
		}
		change(&a)
		return a
	}
	set := func(name, value string) func(*asked) { return func(a *asked) { a.header[name] = value } }
	opened := func(site string) func(*asked) {
		return func(a *asked) {
			a.header = map[string]string{"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
		}
	}
	out := func(a *asked) { a.cookie = nil }
	to := func(target string) func(*asked) { return func(a *asked) { a.target = target } }
	other := newSecretPath()
	for name, test := range map[string]struct {
		asked
		want int
	}{
		"let in":                          {get(func(*asked) {}), passed},
		"let in, head":                    {get(func(a *asked) { a.method = http.MethodHead }), passed},
		"let in, by an old browser":       {get(func(a *asked) { a.header = nil }), passed},
		"let in, typed":                   {get(opened("none")), passed},
		"let in, by localhost":            {get(func(a *asked) { a.host = "localhost:4711" }), passed},
		"let in, by IPv6":                 {get(func(a *asked) { a.host = "[::1]:4711" }), passed},
		"no cookie":                       {get(out), forbidden},
		"no cookie, the style":            {get(func(a *asked) { a.cookie, a.target = nil, "/static/style.css" }), passed},
		"no cookie, beside the style":     {get(func(a *asked) { a.cookie, a.target = nil, "/static" }), forbidden},
		"no cookie, encoded dots":         {get(func(a *asked) { a.cookie, a.target = nil, "/static/%2e%2e/backups" }), forbidden},
		"no cookie, an encoded slash":     {get(func(a *asked) { a.cookie, a.target = nil, "/static%2Fx" }), forbidden},
		"no cookie, out of the style":     {get(func(a *asked) { a.cookie, a.target = nil, "/static/.."+g.At("/") }), forbidden},
		"no cookie, the style inside":     {get(func(a *asked) { a.cookie, a.target = nil, g.At("/static/style.css") }), forbidden},
		"no prefix":                       {get(to("/")), forbidden},
		"no prefix, a page":               {get(to("/backups")), forbidden},
		"the prefix of another server":    {get(to(other + "/")), forbidden},
		"a part of the prefix":            {get(to(g.path[:len(g.path)-1] + "/")), forbidden},
		"more than the prefix":            {get(to(g.path + "A/")), forbidden},
		"the prefix in small letters":     {get(to(strings.ToLower(g.path) + "/")), forbidden},
		"the prefix, its sign encoded":    {get(to("/%7E" + g.path[2:] + "/")), forbidden}, // no browser sends the cookie there
		"the prefix, an encoded slash":    {get(to(g.path + "%2Fbackups")), forbidden},
		"the prefix second":               {get(to("/x" + g.path + "/")), forbidden},
		"the prefix, after two slashes":   {get(to("/" + g.path + "/")), forbidden},
		"the prefix, after dots":          {get(to("/x/.." + g.path + "/")), forbidden},
		"the prefix of another, and dots": {get(to(other + "/.." + g.path + "/")), forbidden},
		"a wrong cookie":                  {get(func(a *asked) { a.cookie = &http.Cookie{Name: g.cookie, Value: "x"} }), forbidden},
		"an empty cookie":                 {get(func(a *asked) { a.cookie = &http.Cookie{Name: g.cookie} }), forbidden},
		"the cookie of another port":      {get(func(a *asked) { a.cookie = &http.Cookie{Name: "snapback-4712", Value: g.session} }), forbidden},
		"the token in a cookie":           {get(func(a *asked) { a.cookie = &http.Cookie{Name: g.cookie, Value: g.token} }), forbidden},
		"a wrong token":                   {get(func(a *asked) { a.target = "/?token=x" }), forbidden},
		"an empty token":                  {get(func(a *asked) { a.target = "/?token=" }), forbidden},
		"a token in a form":               {post(func(a *asked) { a.cookie, a.target = nil, "/?token="+g.token }), forbidden},
		"another name (DNS rebinding)":    {get(func(a *asked) { a.host = "evil.example.com:4711" }), forbidden},
		"another name, the style":         {get(func(a *asked) { a.host, a.target = "evil.example.com:4711", "/static/style.css" }), forbidden},
		"another name, with the token":    {get(func(a *asked) { a.host, a.target = "evil.example.com:4711", "/?token="+g.token }), forbidden},
		"another port":                    {get(func(a *asked) { a.host = "127.0.0.1:80" }), forbidden},
		"no port":                         {get(func(a *asked) { a.host = "127.0.0.1" }), forbidden},
		"a part of another page":          {get(set("Sec-Fetch-Site", "cross-site")), forbidden},
		"a part of a page, other port":    {get(set("Sec-Fetch-Site", "same-site")), forbidden},
		"a link of another site":          {get(opened("cross-site")), passed}, // no browser sends the cookie with it
		"a link of another site, without": {get(func(a *asked) { opened("cross-site")(a); out(a) }), forbidden},
		"a frame of another site":         {get(func(a *asked) { opened("cross-site")(a); a.header["Sec-Fetch-Dest"] = "iframe" }), forbidden},
		"another method":                  {get(func(a *asked) { a.method = http.MethodDelete }), http.StatusMethodNotAllowed},

		"write":                             {post(func(*asked) {}), passed},
		"write, by an old browser":          {post(func(a *asked) { delete(a.header, "Sec-Fetch-Site") }), passed},
		"write, no cookie":                  {post(out), forbidden},
		"write, no prefix":                  {post(to("/actions/run")), forbidden},
		"write, another server's prefix":    {post(to(other + "/actions/run")), forbidden},
		"write, no secret":                  {post(func(a *asked) { a.form = url.Values{} }), forbidden},
		"write, a wrong secret":             {post(func(a *asked) { a.form.Set(FieldCSRF, "x") }), forbidden},
		"write, the secret in the address":  {post(func(a *asked) { a.form = url.Values{}; a.target += "?csrf=" + g.csrf }), forbidden},
		"write, not a form":                 {post(set("Content-Type", "text/plain")), forbidden},
		"write, too much":                   {post(func(a *asked) { a.form.Set("reason", strings.Repeat("x", maxForm)) }), http.StatusBadRequest},
		"write, no origin":                  {post(func(a *asked) { delete(a.header, "Origin") }), forbidden},
		"write, another origin":             {post(set("Origin", "http://evil.example.com")), forbidden},
		"write, another port's origin":      {post(set("Origin", "http://127.0.0.1:80")), forbidden},
		"write, the origin of another name": {post(set("Origin", "http://localhost:4711")), forbidden},
		"write, another scheme":             {post(set("Origin", "https://"+host)), forbidden},
		"write, origin null":                {post(set("Origin", "null")), forbidden},
		"write, of another site":            {post(set("Sec-Fetch-Site", "cross-site")), forbidden},
		"write, of another port":            {post(set("Sec-Fetch-Site", "same-site")), forbidden},
		"write, navigated by another site":  {post(func(a *asked) { opened("cross-site")(a); a.header["Origin"] = "http://" + host }), forbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := test.answer(t, g).Code; got != test.want {
				t.Errorf("status %d, want %d", got, test.want)
			}
		})
	}
}

// TestOnce lets in once: who sees the arguments of the browser's command comes too late.
func TestOnce(t *testing.T) {
	t.Parallel()
	g := guarded()
	once := asked{method: http.MethodGet, target: g.Once(), host: host}
	if got := once.answer(t, g).Code; got != http.StatusSeeOther {
		t.Errorf("status %d", got)
	}
	if got := once.answer(t, g).Code; got != http.StatusForbidden {
		t.Errorf("the second time: status %d", got)
	}
	if got := (asked{method: http.MethodGet, target: g.Once(), host: host}).answer(t, g).Code; got != http.StatusForbidden {
		t.Errorf("an empty token: status %d", got)
	}
	if got := (asked{method: http.MethodGet, target: g.URL(), host: host}).answer(t, g).Code; got != http.StatusSeeOther {
		t.Errorf("the printed address afterwards: status %d", got)
	}
}

// TestHeaders are on every answer, also on a refusal.
func TestHeaders(t *testing.T) {
	t.Parallel()
	g := guarded()
	for name, a := range map[string]asked{
		"let in":  {method: http.MethodGet, target: g.At("/"), host: host, cookie: &http.Cookie{Name: g.cookie, Value: g.session}},
		"refused": {method: http.MethodGet, target: "/", host: "evil"},
	} {
		h := a.answer(t, g).Header()
		for _, header := range []string{"X-Content-Type-Options", "Referrer-Policy", "Cache-Control", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy"} {
			if h.Get(header) == "" {
				t.Errorf("%s: no %s", name, header)
			}
		}
		for _, limit := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'self'"} {
			if !strings.Contains(h.Get("Content-Security-Policy"), limit) {
				t.Errorf("%s: the policy lacks %s", name, limit)
			}
		}
		if h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: other origins may read", name)
		}
	}
}
