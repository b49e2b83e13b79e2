package chromium

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// Tester is a page for a test, which fails when a step fails, and at its end when
// the page had faults.
type Tester struct {
	*Page
	t testing.TB
}

// For starts a Chromium that ends with the test. The test is skipped if there is none,
// unless the environment variable SNAPBACK_CHROMIUM_REQUIRED is set.
func For(t testing.TB) *Browser {
	t.Helper()
	if _, err := Find(); err != nil {
		skip(t, err)
	}
	b, err := Start(context.WithoutCancel(t.Context())) // the test ends it, in order
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func skip(t testing.TB, missing error) {
	t.Helper()
	if os.Getenv(requiredVariable) != "" {
		t.Fatal(missing)
	}
	t.Skip(missing)
}

// Test opens a tab for a test. If the test fails, go test -artifacts keeps a picture
// of what was seen last.
func (b *Browser) Test(t testing.TB, view View) Tester {
	t.Helper()
	p, err := b.Open(view)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer p.Close()
		for _, fault := range p.Faults() {
			t.Error(fault)
		}
		if t.Failed() {
			if err := p.Picture(filepath.Join(t.ArtifactDir(), "page.webp")); err != nil {
				t.Log(err)
			}
		}
	})
	return Tester{p, t}
}

// In is the same page for a part of the test, which then fails by itself.
func (p Tester) In(t testing.TB) Tester { return Tester{p.Page, t} }

// Do does some steps in the page.
func (p Tester) Do(actions ...chromedp.Action) {
	p.t.Helper()
	if err := p.Run(actions...); err != nil {
		p.t.Fatal(err)
	}
}

// Until waits until a JavaScript expression is true.
func (p Tester) Until(expression string) {
	p.t.Helper()
	if err := p.Wait(expression); err != nil {
		p.t.Fatal(err)
	}
}

// As changes how the page is looked at.
func (p Tester) As(view View) {
	p.t.Helper()
	if err := p.Look(view); err != nil {
		p.t.Fatal(err)
	}
}

// Value returns what a JavaScript expression gives.
func Value[T any](p Tester, expression string) T {
	p.t.Helper()
	var v T
	p.Do(chromedp.Evaluate(expression, &v))
	return v
}

// Accessible fails the test for each rule of axe-core that the page breaks. If npm is
// missing, it says so and checks nothing.
func (p Tester) Accessible() {
	p.t.Helper()
	violations, err := p.Axe()
	if errors.Is(err, errNoNpm) {
		p.t.Log("passed over:", err)
		return
	}
	if err != nil {
		p.t.Fatal(err)
	}
	for _, v := range violations {
		p.t.Error(v)
	}
}
