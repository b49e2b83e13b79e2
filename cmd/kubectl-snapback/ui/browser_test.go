package ui_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chromium"
)

// screens are the addresses of all screens.
var screens = map[string]string{
	"clusters": "/", "cluster": "/clusters/kafka/kafka", "claim": "/claims/kafka/data-kafka-0", "lost claim": "/claims/kafka/data-kafka-1",
	"restores": "/restores", "restores of a cluster": "/restores?cluster=kafka/kafka", "backups": "/backups", "doctor": "/doctor",
}

// TestScreens looks at each screen as a browser shows it: light and dark, wide, and as
// narrow as a desktop at a zoom of 400 %.
func TestScreens(t *testing.T) {
	t.Parallel()
	b, s := chromium.For(t), smallSite(t)
	for name, path := range screens {
		t.Run(name, func(t *testing.T) {
			p := s.open(t, b, chromium.Desktop, path)
			if got := chromium.Value[string](p, `document.querySelector("h1").textContent`); got == "" {
				t.Error("there is no heading")
			}
			for _, view := range []chromium.View{chromium.Desktop, chromium.Narrow} {
				for _, dark := range []bool{false, true} {
					view.Dark = dark
					p.As(view)
					p.Accessible()
				}
				if got := chromium.Value[int64](p, "document.documentElement.scrollWidth"); got > view.Width {
					t.Errorf("the page is %d wide where %d are seen: %s", got, view.Width, chromium.Value[string](p, tooWide))
				}
			}
		})
	}
}

// tooWide says which elements reach beyond the window and scroll in no region of
// their own.
const tooWide = `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth && !e.closest(".scroll, pre"))
	.map(e => e.outerHTML.slice(0, 150)).join("\n")`

// TestWithoutScript looks at the page with scripts switched off.
func TestWithoutScript(t *testing.T) {
	t.Parallel()
	b, s := chromium.For(t), smallSite(t)
	p := b.Test(t, chromium.Desktop)
	p.Do(emulation.SetScriptExecutionDisabled(true), chromedp.Navigate(s.url), chromedp.WaitVisible("h1", chromedp.ByQuery))
	p.Do(chromedp.Click(`a[href="/clusters/kafka/kafka"]`, chromedp.ByQuery), chromedp.WaitVisible("table", chromedp.ByQuery))
}

// TestKeyboard goes through each screen with the Tab key alone.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	b, s := chromium.For(t), smallSite(t)
	for name, path := range screens {
		t.Run(name, func(t *testing.T) {
			p := s.open(t, b, chromium.Desktop, path)
			want := chromium.Value[[]string](p, reachable)
			var got []string
			for range want {
				p.Do(chromedp.KeyEvent(kb.Tab))
				at := chromium.Value[focused](p, focusOf)
				if at.Outline == "none" || at.Width == 0 || !at.Seen {
					t.Errorf("one cannot see the focus on %s: %+v", at.Element, at)
				}
				got = append(got, at.Element)
			}
			if !slices.Equal(got, want) {
				t.Errorf("the Tab key reaches\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// reachable are the elements that a person must reach, in the order of the page.
const reachable = `(window.nameOf = e => e.tagName + " " + (e.id || e.getAttribute("href") || e.getAttribute("name") || e.getAttribute("aria-label") || e.textContent.trim().slice(0, 40)),
	[...document.querySelectorAll("a[href], button:not(:disabled), input:not([type=hidden]):not(:disabled), select, textarea, summary, [tabindex='0']")]
	.filter(e => e.checkVisibility()).map(nameOf))`

type focused struct {
	Element, Outline string
	Width            float64
	Seen             bool // it is in the window
}

const focusOf = `(e => { const s = getComputedStyle(e), r = e.getBoundingClientRect(); return {
	Element: nameOf(e), Outline: s.outlineStyle, Width: parseFloat(s.outlineWidth),
	Seen: r.right > 0 && r.bottom > 0 && r.left < innerWidth && r.top < innerHeight } })(document.activeElement)`

// TestSkip jumps over the navigation.
func TestSkip(t *testing.T) {
	t.Parallel()
	b, s := chromium.For(t), smallSite(t)
	p := s.open(t, b, chromium.Narrow, "/")
	p.Do(chromedp.KeyEvent(kb.Tab))
	if got := chromium.Value[string](p, "document.activeElement.textContent"); !strings.HasPrefix(got, "Skip") {
		t.Fatalf("the first element is %q", got)
	}
	p.Do(chromedp.KeyEvent(kb.Enter))
	p.Until(`document.activeElement.id == "main"`)
	p.Do(chromedp.KeyEvent(kb.Tab))
	if !chromium.Value[bool](p, `document.querySelector("main").contains(document.activeElement)`) {
		t.Errorf("after the skip, Tab leads to %s", chromium.Value[string](p, "document.activeElement.outerHTML"))
	}
}

// TestLocalTimes looks from Tokyo, which is nine hours ahead.
func TestLocalTimes(t *testing.T) {
	t.Parallel()
	b, s := chromium.For(t), smallSite(t)
	p := s.open(t, b, chromium.View{Width: 1200, Height: 800, Timezone: "Asia/Tokyo"}, "/clusters/kafka/kafka")
	times := chromium.Value[[][2]string](p, `[...document.querySelectorAll("time")].map(t => [t.dateTime, t.textContent])`)
	if len(times) == 0 {
		t.Fatal("there are no times")
	}
	for _, shown := range times {
		if at, text := shown[0], shown[1]; !strings.Contains(text, "UTC+9") || !strings.Contains(text, strings.NewReplacer("T", " ", "Z", " UTC").Replace(at)) {
			t.Errorf("%s is shown as %q", at, text)
		}
	}
	want := "2026-03-01 21:30:00 UTC+9 (2026-03-01 12:30:00 UTC)"
	if !slices.ContainsFunc(times, func(shown [2]string) bool { return shown[1] == want }) {
		t.Errorf("no time is %q among %q", want, times)
	}
}

// TestOtherPorts lets a page of another port of this machine, which gets our cookie too,
// send one of our forms and read one of our pages.
func TestOtherPorts(t *testing.T) {
	t.Parallel()
	b, s := chromium.For(t), smallSite(t)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<form method="post" action="%s/actions/suspend"><input name="namespace" value="kafka"><input name="kind" value="KafkaBackup">
			<input name="object" value="hourly"><input name="uid" value="uid-of-hourly"><input name="seen" value="false"><button>Win</button></form>`, s.origin)
	}))
	t.Cleanup(other.Close)
	p, err := b.Open(chromium.Desktop) // it has faults, as it should
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	read := "nothing"
	script := fmt.Sprintf(`fetch(%q, {credentials: "include"}).then(r => r.text()).catch(e => "refused")`, s.origin+"/backups")
	if err := p.Run(chromedp.Navigate(s.url), chromedp.Navigate(other.URL), chromedp.Evaluate(script, &read, chromium.Awaited),
		chromedp.Click("button", chromedp.ByQuery)); err != nil {
		t.Fatal(err)
	}
	if read != "refused" {
		t.Errorf("the other page reads %s", read)
	}
	if err := p.Wait(`document.querySelector("h1")?.textContent == "You are not let in"`); err != nil {
		t.Error(err)
	}
	var backup v1alpha1.KafkaBackup
	if err := s.client.Get(t.Context(), client.ObjectKeyFromObject(observed()), &backup); err != nil || backup.Spec.Suspend {
		t.Errorf("the other page has suspended it: %t, %v", backup.Spec.Suspend, err)
	}
}
