package ui_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chromium"
)

// neighbour is a program of somebody else that serves another port of this machine, in
// the same browser. It has a form that would suspend, and a link to our page.
type neighbour struct {
	*httptest.Server

	mu       sync.Mutex
	cookies  []string // that it was sent
	referers []string
	asked    int
}

func newNeighbour(t *testing.T, s *site) *neighbour {
	t.Helper()
	n := &neighbour{}
	n.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		n.asked++
		n.cookies = append(n.cookies, r.Header.Values("Cookie")...)
		n.referers = append(n.referers, r.Header.Values("Referer")...)
		n.mu.Unlock()
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Another</title>
			<form method="post" action="%[1]s/actions/suspend"><input name="namespace" value="kafka"><input name="kind" value="KafkaBackup">
			<input name="object" value="hourly"><input name="uid" value="uid-of-hourly"><input name="seen" value="false"><button>Win</button></form>
			<a href="%[1]s/backups">Look</a>`, s.origin)
	}))
	t.Cleanup(n.Close)
	return n
}

// got returns how often the neighbour was asked since the last time, and the cookies and
// referers that it was sent.
func (n *neighbour) got() (asked int, cookies, referers []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	asked, cookies, referers = n.asked, n.cookies, n.referers
	n.asked, n.cookies, n.referers = 0, nil, nil
	return asked, cookies, referers
}

const (
	notLetIn = `document.querySelector("h1")?.textContent == "You are not let in"`
	another  = `document.title == "Another"`
)

// lead does some things in a page, each of which leads to what is then waited for.
func lead(t *testing.T, p *chromium.Page, steps ...step) {
	t.Helper()
	for _, s := range steps {
		if err := p.Run(s.do); err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(s.to); err != nil {
			t.Fatal(err)
		}
	}
}

type step struct {
	do chromedp.Action
	to string // a JavaScript expression that becomes true
}

// opened opens a tab for a test in which requests are refused, as they should be.
func opened(t *testing.T, b *chromium.Browser) *chromium.Page {
	t.Helper()
	p, err := b.Open(chromium.Desktop)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// TestOtherPorts opens what another port of this machine serves in the browser that was
// let in. It gets no cookie of ours, does not learn where our pages are, reads none, and
// changes nothing, neither by a form nor by a link.
func TestOtherPorts(t *testing.T) {
	t.Parallel()
	b, s := chromium.For(t), smallSite(t)
	other := newNeighbour(t, s)
	p := opened(t, b)
	read := "nothing"
	script := fmt.Sprintf(`Promise.all([%q, %q].map(a => fetch(a, {credentials: "include"}).then(r => r.text()).catch(e => "refused"))).then(all => all.join())`,
		s.origin+"/backups", s.origin+s.at("/backups"))
	lead(t, p,
		step{chromedp.Navigate(s.url), `document.querySelector("h1")?.textContent == "Kafka clusters"`},
		step{chromedp.Evaluate(fmt.Sprintf(`void (location.href = %q)`, other.URL+"/x"), nil), another}, // as by a link of ours
		step{chromedp.Evaluate(script, &read, chromium.Awaited), another},
		step{chromedp.Click("a", chromedp.ByQuery), notLetIn},
		step{chromedp.Navigate(other.URL), another},
		step{chromedp.Click("button", chromedp.ByQuery), notLetIn},
	)
	if read != "refused,refused" {
		t.Errorf("the other page reads %s", read)
	}
	asked, cookies, referers := other.got()
	if asked < 2 || len(cookies) > 0 || len(referers) > 0 {
		t.Errorf("asked %d times, the other server is sent the cookies %q, and that the browser comes from %q", asked, cookies, referers)
	}
	var backup v1alpha1.KafkaBackup
	if err := s.client.Get(t.Context(), client.ObjectKeyFromObject(observed()), &backup); err != nil || backup.Spec.Suspend {
		t.Errorf("the other page has suspended it: %t, %v", backup.Spec.Suspend, err)
	}
	// If it knew the path, it would get the cookie. Else this test would prove nothing.
	lead(t, p, step{chromedp.Navigate(other.URL + s.at("/")), another})
	if _, cookies, _ := other.got(); len(cookies) != 1 {
		t.Errorf("below our path, the other server is sent the cookies %q", cookies)
	}
}

// TestCookie is of the secret path alone, and no script reads it.
func TestCookie(t *testing.T) {
	t.Parallel()
	b, s := chromium.For(t), smallSite(t)
	p := s.open(t, b, chromium.Desktop, "/backups")
	var cookies []*network.Cookie
	p.Do(chromedp.ActionFunc(func(ctx context.Context) (err error) {
		cookies, err = network.GetCookies().Do(ctx)
		return err
	}))
	if len(cookies) != 1 || cookies[0].Path != s.at("/") || !cookies[0].HTTPOnly || cookies[0].SameSite != network.CookieSameSiteStrict || !cookies[0].Session {
		t.Errorf("the cookies are %+v", cookies)
	}
	if got := chromium.Value[string](p, "document.cookie"); got != "" {
		t.Errorf("a script reads %q", got)
	}
}

// TestSharedAddress opens an address of a colleague's server, of whose path nothing is
// known here, and gives the token.
func TestSharedAddress(t *testing.T) {
	t.Parallel()
	b, s := chromium.For(t), smallSite(t)
	p := opened(t, b)
	_, token, _ := strings.Cut(s.url, "token=")
	lead(t, p, step{chromedp.Navigate(s.origin + "/~ABCDEFGHIJKLMNOPQRSTUVWXYZ/clusters/kafka/kafka?q=kafka-3"), notLetIn})
	violations, err := p.Axe()
	if err != nil || len(violations) > 0 {
		t.Errorf("the page that asks for the token: %v, %v", violations, err)
	}
	lead(t, p,
		step{chromedp.SendKeys("#token", token+"\r", chromedp.ByQuery), `document.querySelector("h1")?.textContent == "Kafka cluster kafka/kafka"`},
		step{chromedp.Evaluate("void 0", nil), fmt.Sprintf(`location.href == %q`, s.origin+s.at("/clusters/kafka/kafka?q=kafka-3"))},
	)
}

// TestLinkOfAnotherSite is opened, for which browsers send no cookie. The page that says
// so leads on by one click.
func TestLinkOfAnotherSite(t *testing.T) {
	t.Parallel()
	b, s := chromium.For(t), smallSite(t)
	p := opened(t, b)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Another</title><a href="%s">Look</a>`, s.origin+s.at("/backups"))
	}))
	t.Cleanup(site.Close)
	lead(t, p,
		step{chromedp.Navigate(s.url), `document.querySelector("h1")?.textContent == "Kafka clusters"`},
		step{chromedp.Navigate(strings.Replace(site.URL, "127.0.0.1", "localhost", 1)), another}, // another site than 127.0.0.1
		step{chromedp.Click("a", chromedp.ByQuery), notLetIn},
		step{chromedp.Click("a.button", chromedp.ByQuery), `document.querySelector("h1")?.textContent == "KafkaBackups"`},
	)
}
