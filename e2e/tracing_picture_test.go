package e2e

import (
	_ "embed"
	"encoding/hex"
	"flag"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"

	"github.com/snapback-dev/snapback/e2e/chromium"
	"github.com/snapback-dev/snapback/tracing"
)

var picture = flag.String("trace-picture", "", "a file for the picture of a restore's trace")

//go:embed testdata/trace.html
var tracePage string

// draw takes a picture of a restore that has all of its spans, if somebody asks for it.
func (s *tracedSite) draw(t *testing.T, all []span) {
	t.Helper()
	if *picture == "" || !has(all, tracing.SpanPodStart) {
		return
	}
	var page strings.Builder
	if err := template.Must(template.New("").Parse(tracePage)).Execute(&page, drawingOf(all)); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, page.String()) }))
	defer server.Close()
	browser, err := chromium.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer browser.Close() //nolint:errcheck // it ends with the test
	view := chromium.View{Width: 1200, Height: 800}
	tab, err := browser.Open(view)
	if err != nil {
		t.Fatal(err)
	}
	if err := tab.Run(chromedp.Navigate(server.URL), chromedp.Evaluate(`document.documentElement.offsetHeight`, &view.Height)); err != nil {
		t.Fatal(err)
	}
	if err := tab.Look(view); err != nil {
		t.Fatal(err)
	}
	if err := tab.Picture(*picture); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(*picture)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d kB", *picture, info.Size()/1000)
}

func has(all []span, name string) bool {
	for _, s := range all {
		if s.Name == name {
			return true
		}
	}
	return false
}

// drawing is what the page shows of a trace.
type drawing struct {
	ID, Start, Took string
	Spans           int
	Parts           []part
}

// part is some spans on one scale.
type part struct {
	Title string
	Ticks []string
	Rows  []row
	About *about
}

type row struct {
	Service, Name, Took string
	Indent              int
	Left, Width         float64 // in percent
	Webhook, Within     bool    // Within: the time stands in the bar
}

// about is a span with its attributes.
type about struct {
	Name       string
	Attributes []attribute
}

type attribute struct{ Key, Value string }

// drawingOf shows the whole trace, and again what took so little that it cannot be seen there.
func drawingOf(all []span) drawing {
	first, last := extent(all)
	tree := inTree(all, "", 0)
	var admission []leaf
	for _, l := range tree {
		if l.service == "snapback-webhook" {
			admission = append(admission, l)
		}
	}
	whole := partOf("The whole restore", tree, first, last)
	near := partOf("Its admission, enlarged", admission, admission[0].start(), admission[0].end())
	near.About = aboutOf(admission[0].span)
	return drawing{ID: hex.EncodeToString(all[0].TraceId), Start: first.Format("2006-01-02 15:04:05.000"), Took: took(last.Sub(first)), Spans: len(all), Parts: []part{whole, near}}
}

func partOf(title string, tree []leaf, first, last time.Time) part {
	p := part{Title: title}
	length := last.Sub(first)
	for i := range 5 {
		p.Ticks = append(p.Ticks, took(length*time.Duration(i)/4))
	}
	percent := func(d time.Duration) float64 { return 100 * d.Seconds() / length.Seconds() }
	for _, l := range tree {
		r := row{Service: l.service, Name: l.Name, Indent: 16 * l.depth, Took: took(l.end().Sub(l.start())), Webhook: l.service == "snapback-webhook",
			Left: percent(l.start().Sub(first)), Width: max(0.2, percent(l.end().Sub(l.start())))}
		r.Within = r.Left+r.Width > 88
		p.Rows = append(p.Rows, r)
	}
	return p
}

func aboutOf(s span) *about {
	a := &about{Name: s.service + ": " + s.Name}
	for _, kv := range s.Attributes {
		a.Attributes = append(a.Attributes, attribute{kv.Key, valueOf(kv.Value)})
	}
	return a
}

func valueOf(v *commonv1.AnyValue) string {
	if n, ok := v.Value.(*commonv1.AnyValue_IntValue); ok {
		return fmt.Sprint(n.IntValue)
	}
	return v.GetStringValue()
}

// extent returns when the first span begins, and the last one ends.
func extent(all []span) (first, last time.Time) {
	first, last = all[0].start(), all[0].end()
	for _, s := range all {
		if s.end().After(last) {
			last = s.end()
		}
	}
	return first, last
}

// took is a duration for people: those of objects are whole seconds.
func took(d time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1000)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// leaf is a span with how deep it stands in the tree.
type leaf struct {
	span
	depth int
}

// inTree returns the spans below a parent, each followed by those below it. Those of the webhook
// go first: the claim's time is in whole seconds, and can be before its admission.
func inTree(all []span, parent string, depth int) (tree []leaf) {
	for _, first := range []bool{true, false} {
		for _, s := range all {
			if string(s.ParentSpanId) == parent && first == (s.service == "snapback-webhook") {
				tree = append(append(tree, leaf{s, depth}), inTree(all, string(s.SpanId), depth+1)...)
			}
		}
	}
	return tree
}
