package guard

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestSecrets are all different: what gives one away gives no other away.
func TestSecrets(t *testing.T) {
	t.Parallel()
	g := guarded()
	seen := map[string]bool{}
	for _, secret := range []string{g.token, g.session, g.csrf, g.once, strings.TrimPrefix(g.path, "/~")} {
		if seen[secret] || len(secret) < 26 {
			t.Errorf("the secret %q is short, or there twice", secret)
		}
		seen[secret] = true
	}
}

// TestToken lets in as often as the printed address is opened, below any prefix, and
// leads to the page below the secret path, without the token.
func TestToken(t *testing.T) {
	t.Parallel()
	g := guarded()
	old := newSecretPath()
	for range 2 {
		for target, want := range map[string]string{
			"/":                            "/",
			"/clusters/a/b%2Fc?q=x&q=y":    "/clusters/a/b%2Fc?q=x&q=y",
			"//evil.example.com/":          "/evil.example.com/",
			"/%5Cevil.example.com/?x=%2":   "/%5Cevil.example.com/",
			"/%2Fevil.example.com/":        "/%2Fevil.example.com/",
			"/x/../../backups":             "/backups",
			"/%2e%2E/%2e./backups":         "/backups",
			g.path:                         "/",
			g.path + "/":                   "/",
			g.path + "/backups?page=2":     "/backups?page=2",
			g.path + "//evil.example.com/": "/evil.example.com/",
			g.path + "/../backups":         "/backups",
			old + "/clusters/a/b%2Fc":      "/clusters/a/b%2Fc",
			"/%7E" + old[2:] + "/restores": "/restores",
			old + "%2Frestores":            old + "%2Frestores", // no prefix: an encoded slash ends no part
			"/~x/../restores":              "/restores",
			"/~x/restores":                 "/~x/restores", // no prefix: it does not look like one
		} {
			path, query, _ := strings.Cut(target, "?")
			w := asked{method: http.MethodGet, target: "http://" + host + path + "?" + query + "&token=" + g.token, host: host}.answer(t, g)
			if w.Code != http.StatusSeeOther || w.Header().Get("Location") != g.path+want {
				t.Errorf("%s: status %d to %q, want %q", target, w.Code, w.Header().Get("Location"), g.path+want)
			}
			cookies := (&http.Response{Header: w.Header()}).Cookies()
			if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode || !strings.HasSuffix(cookies[0].Name, "4711") || cookies[0].Path != g.path+"/" {
				t.Fatalf("%s: cookies %v", target, cookies)
			}
			in := asked{method: http.MethodGet, target: g.At("/"), host: host, cookie: cookies[0]}
			if got := in.answer(t, g).Code; got != http.StatusNoContent {
				t.Errorf("%s: status %d with the cookie", target, got)
			}
		}
	}
}

// TestTyped takes the whole address too, which people copy, and no other thing.
func TestTyped(t *testing.T) {
	t.Parallel()
	g := guarded()
	for text, want := range map[string]int{
		"%20" + g.token + "%0A":  http.StatusSeeOther,
		escaped(g.URL()):         http.StatusSeeOther,
		escaped(g.URL()) + "x":   http.StatusForbidden,
		"token=":                 http.StatusForbidden,
		g.path:                   http.StatusForbidden,
		g.csrf:                   http.StatusForbidden,
		g.session:                http.StatusForbidden,
		g.token[:len(g.token)-1]: http.StatusForbidden,
	} {
		if got := (asked{method: http.MethodGet, target: "/?token=" + text, host: host}).answer(t, g).Code; got != want {
			t.Errorf("%s: status %d, want %d", text, got, want)
		}
	}
}

func escaped(address string) string {
	return strings.NewReplacer(":", "%3A", "/", "%2F", "?", "%3F", "=", "%3D").Replace(address)
}

// TestInner passes on what the routes know: no prefix, no empty parts, no dots.
func TestInner(t *testing.T) {
	t.Parallel()
	g := guarded()
	for target, want := range map[string]string{
		"/": "/", "/clusters/a/b%2Fc?q=x%2F": "/clusters/a/b%2Fc?q=x%2F", "//evil.example.com": "/evil.example.com", "/a/../backups": "/backups",
		"/../../backups": "/backups", "/%2e%2e/backups": "/backups", "/a/.%2E/backups%2eold": "/backups.old", g.path + "/backups": g.path + "/backups", "/events/": "/events/",
	} {
		var got string
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+g.path+target, nil)
		r.AddCookie(&http.Cookie{Name: g.cookie, Value: g.session})
		g.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.URL.RequestURI() })).ServeHTTP(w, r)
		if got != want {
			t.Errorf("%s is passed on as %q, want %q", target, got, want)
		}
	}
}

// TestRefusalsTellNothing answers alike whether the secret path was guessed or not, and
// names the page that was asked for without a prefix.
func TestRefusalsTellNothing(t *testing.T) {
	t.Parallel()
	var said Refusal
	g := New(port, func(w http.ResponseWriter, _ *http.Request, r Refusal) { said = r; w.WriteHeader(r.Status) })
	old := newSecretPath()
	for target, want := range map[string]string{
		"/backups?q=a&page=2": "/backups?page=2&q=a false", "/": "/ false", "//evil.example.com/x": "/evil.example.com/x false", `/%5Cevil`: "/%5Cevil false",
		old + "/backups?q=a": "/backups?q=a true", g.path + "/backups?q=a": "/backups?q=a true", g.path: "/ true", g.path + "//evil": "/evil true",
		old + "/backups?token=x&q=a": "/backups?q=a false", g.path + "/backups?token=x&q=a": "/backups?q=a false",
	} {
		w := asked{method: http.MethodGet, target: "http://" + host + target, host: host}.answer(t, g)
		if got := fmt.Sprint(said.Open, said.Again); got != want || w.Code != http.StatusForbidden {
			t.Errorf("%s: status %d, %q, want %q", target, w.Code, got, want)
		}
		if text := fmt.Sprint(said.Why, said.Open, w.Header()); strings.Contains(text, g.path[2:]) || len(w.Header()["Set-Cookie"]) > 0 || w.Header().Get("Location") != "" {
			t.Errorf("%s: it gives the secret path away: %s", target, text)
		}
	}
	for _, a := range []asked{
		{method: http.MethodPost, target: g.At("/actions/run"), host: host},
		{method: http.MethodGet, target: g.At("/"), host: "evil.example.com"},
		{method: http.MethodDelete, target: g.At("/"), host: host},
	} {
		if a.answer(t, g); said.Open != nil || said.Again {
			t.Errorf("%+v: the token is asked for, which is of no use: %+v", a, said)
		}
	}
}
