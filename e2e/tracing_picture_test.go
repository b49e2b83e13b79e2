package e2e

import (
	"flag"
	"fmt"
	"html"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/snapback-dev/snapback/tracing"
)

var picture = flag.String("trace-picture", "", "a file for the picture of a restore's trace")

const (
	row, names, width = 26, 190, 560 // pixels
)

// draw writes the picture of a restore that has all of its spans, if somebody asks for it.
func (s *tracedSite) draw(t *testing.T, all []span) {
	t.Helper()
	whole := false
	for _, one := range all {
		whole = whole || one.Name == tracing.SpanInSync
	}
	if *picture == "" || !whole {
		return
	}
	if err := os.WriteFile(*picture, []byte(waterfall(all)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// waterfall is a picture of spans below each other, each as long as it took.
func waterfall(all []span) string {
	first, last := all[0].start(), all[0].end()
	for _, s := range all {
		if s.end().After(last) {
			last = s.end()
		}
	}
	x := func(at time.Time) float64 { return names + width*at.Sub(first).Seconds()/last.Sub(first).Seconds() }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="13">`+"\n", names+width+110, (len(all)+1)*row)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/>`+"\n")
	for i, s := range inTree(all, "", 0) {
		y, color := i*row+row/2, "#2f6f9f"
		if s.service == "snapback-webhook" {
			color = "#c2571a"
		}
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`, 10+14*s.depth, y+14, html.EscapeString(s.Name))
		fmt.Fprintf(&b, `<rect x="%.1f" y="%d" width="%.1f" height="16" rx="2" fill="%s"/>`, x(s.start()), y+2, max(2, x(s.end())-x(s.start())), color)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" fill="#555">%s</text>`+"\n", x(s.end())+6, y+14, took(s.end().Sub(s.start())))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// took is a duration for people: those of objects are whole seconds.
func took(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	}
	return d.Round(time.Millisecond).String()
}

// leaf is a span with how deep it stands in the tree.
type leaf struct {
	span
	depth int
}

// inTree returns the spans below a parent, each followed by those below it.
func inTree(all []span, parent string, depth int) (tree []leaf) {
	for _, s := range all {
		if string(s.ParentSpanId) == parent {
			tree = append(append(tree, leaf{s, depth}), inTree(all, string(s.SpanId), depth+1)...)
		}
	}
	return tree
}
