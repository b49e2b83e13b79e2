package chromium

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// serve serves pages by their path, with a policy as strict as that of the
// plugin's page. What there is no page for is not found.
func serve(t *testing.T, pages map[string]string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'")
		switch {
		case strings.HasSuffix(r.URL.Path, ".js"):
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, body)
		case strings.HasSuffix(r.URL.Path, ".css"):
			w.Header().Set("Content-Type", "text/css")
			fmt.Fprint(w, body)
		default:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprintf(w, `<!doctype html><html lang="en"><head><title>t</title><link rel="icon" href="data:,">%s</html>`, body)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestView(t *testing.T) {
	t.Parallel()
	b := For(t)
	url := serve(t, map[string]string{"/": `</head><body><main><h1>Fine</h1></main></body>`})
	for _, view := range []View{Narrow, Desktop, {Width: 800, Height: 600, Dark: true, Timezone: "Asia/Tokyo"}} {
		p := b.Test(t, view)
		p.Do(chromedp.Navigate(url))
		if got := Value[int64](p, "innerWidth"); got != view.Width {
			t.Errorf("%d wide, want %d", got, view.Width)
		}
		if got := Value[bool](p, `matchMedia("(prefers-color-scheme: dark)").matches`); got != view.Dark {
			t.Errorf("dark: %t, want %t", got, view.Dark)
		}
		if got := Value[string](p, "Intl.DateTimeFormat().resolvedOptions().timeZone"); view.Timezone != "" && got != view.Timezone {
			t.Errorf("time zone %s, want %s", got, view.Timezone)
		}
		p.Accessible()
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	b := For(t)
	url := serve(t, map[string]string{
		"/console": `</head><body><script src="/console.js"></script>`, "/console.js": `console.error("said", "so")`,
		"/thrown": `</head><body><script src="/thrown.js"></script>`, "/thrown.js": `throw new Error("thrown")`,
		"/missing":   `</head><body><img src="/nothing.png">`,
		"/forbidden": `</head><body style="color: red"><script>1</script>`,
		"/refused":   `</head><body><script src="/refused.js"></script>`, "/refused.js": `fetch("http://127.0.0.1:1/")`,
	})
	for path, want := range map[string]string{
		"/console": "said", "/thrown": "thrown", "/missing": "404", "/forbidden": "Content Security Policy", "/refused": "Content Security Policy", "/none": "404",
	} {
		p, err := b.Open(Desktop)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if err := p.Run(chromedp.Navigate(url + path)); err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(`document.readyState == "complete"`); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(p.Faults(), "\n"); !strings.Contains(got, want) {
			t.Errorf("%s: faults %q, want %q among them", path, got, want)
		}
	}
}

func TestAxe(t *testing.T) {
	t.Parallel()
	b := For(t)
	url := serve(t, map[string]string{
		"/":          `<link rel="stylesheet" href="/style.css"></head><body><main><h1>t</h1><img src="data:,"><p>pale</p></main></body>`,
		"/style.css": `p { color: black } @media (prefers-color-scheme: dark) { p { color: #999 } }`,
	})
	for dark, want := range map[bool][]string{false: {"image-alt"}, true: {"image-alt", "color-contrast"}} {
		p := b.Test(t, View{Width: 800, Height: 600, Dark: dark})
		p.Do(chromedp.Navigate(url))
		violations, err := p.Axe()
		if errors.Is(err, errNoNpm) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		said := fmt.Sprint(violations)
		for _, id := range want {
			if !strings.Contains(said, id) {
				t.Errorf("dark %t: no %s among %s", dark, id, said)
			}
		}
		if len(violations) != len(want) {
			t.Errorf("dark %t: %s, want only %q", dark, said, want)
		}
	}
}

// TestEnds checks that neither the process nor its profile is left.
func TestEnds(t *testing.T) {
	t.Parallel()
	if _, err := Find(); err != nil {
		skip(t, err)
	}
	b, err := Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	process := chromedp.FromContext(b.ctx).Browser.Process()
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(args), "--user-data-dir=")
	profile, _, _ := strings.Cut(rest, "\x00")
	if _, err := os.Stat(profile); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > ending {
		t.Errorf("it took %s to end", took)
	}
	if err := process.Signal(os.Interrupt); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("the process is still there: %v", err)
	}
	if _, err := os.Stat(profile); err == nil {
		t.Errorf("the profile is still in %s", profile)
	}
}

func TestFindSaysWhatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv(programVariable, "") // whoever runs the tests may have set it
	if _, err := Find(); err == nil || !strings.Contains(err.Error(), "apt-get install chromium") {
		t.Errorf("got %v", err)
	}
	t.Setenv(programVariable, "not-there")
	if _, err := Find(); err == nil || !strings.Contains(err.Error(), programVariable) {
		t.Errorf("got %v", err)
	}
}
