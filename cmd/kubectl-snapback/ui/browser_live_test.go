package ui_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/snapback-dev/snapback/e2e/chromium"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// change makes something happen that the page of the cluster shows: broker 9 gets a
// claim, and then a snapshot.
func (s *site) change(t *testing.T) {
	t.Helper()
	if err := s.client.Create(t.Context(), bound(claimOf(9))); err != nil {
		t.Fatal(err)
	}
	if err := s.client.Create(t.Context(), snapshotstest.NewSnapshot(claimOf(9), hourly(), driver, ago(time.Hour)).Ready().Obj()); err != nil {
		t.Fatal(err)
	}
	s.changed(t)
}

const changed = `document.querySelector("main").textContent.includes("data-kafka-9")`

// TestLive checks that a change comes onto the page, and that what a person does there
// is not disturbed: what has the focus, what is scrolled and what is opened.
func TestLive(t *testing.T) {
	t.Parallel()
	b, s := chromium.For(t), smallSite(t)
	p := s.open(t, b, chromium.View{Width: 400, Height: 300}, "/clusters/kafka/kafka")
	p.Until(`document.querySelector("details") != null`)
	if chromium.Value[bool](p, changed) {
		t.Fatal("what is going to change is there already")
	}
	p.Do(chromedp.Evaluate(`(() => {
		document.querySelectorAll("details").forEach((d, i) => { d.open = i % 2 == 0 });
		document.querySelectorAll(".scroll").forEach(e => { e.scrollLeft = 30 });
		const links = document.querySelectorAll("main a[href]");
		links[links.length - 1].focus({preventScroll: true});
		scrollTo(0, 200);
		window.marked = document.querySelector("main").firstElementChild;
	})()`, nil))
	before := chromium.Value[state](p, stateOf)
	s.change(t)
	p.Until(changed)
	after := chromium.Value[state](p, stateOf)
	if !after.is(before) {
		t.Errorf("after the change: %+v\nbefore: %+v", after, before)
	}
	if before.Top != 200 || before.Opened == 0 || before.Focus == "" {
		t.Errorf("nothing was to be kept: %+v", before)
	}
}

// state is what a person has done to a page.
type state struct {
	Top, Left      float64
	Opened, Closed int
	Focus          string
}

func (s state) is(before state) bool {
	// What has changed may be another thing that is opened and closed.
	return s.Top == before.Top && s.Left == before.Left && s.Focus == before.Focus && s.Opened >= before.Opened && s.Closed >= before.Closed
}

const stateOf = `({
	Top: scrollY, Left: [...document.querySelectorAll(".scroll")].reduce((sum, e) => sum + e.scrollLeft, 0),
	Opened: document.querySelectorAll("details[open]").length, Closed: document.querySelectorAll("details:not([open])").length,
	Focus: document.activeElement.getAttribute("href") || ""})`

// TestTyped checks that a change waits until nothing is half filled in.
func TestTyped(t *testing.T) {
	t.Parallel()
	b, s := chromium.For(t), smallSite(t)
	p := s.open(t, b, chromium.Desktop, "/clusters/kafka/kafka")
	const field = `main form:has(input[name=reason]) input[name=reason]`
	p.Do(chromedp.Evaluate(`document.querySelectorAll("details").forEach(d => { d.open = true })`, nil))
	p.Do(chromedp.SendKeys(field, "before the", chromedp.ByQuery))
	s.change(t)
	p.Until(`document.getElementById("live").textContent.includes("while a form is being filled in")`)
	p.Do(chromedp.SendKeys(field, " upgrade", chromedp.ByQuery))
	if got := chromium.Value[string](p, `document.activeElement.value`); got != "before the upgrade" {
		t.Errorf("the field has %q", got)
	}
	if chromium.Value[bool](p, changed) {
		t.Error("the page has changed under a form")
	}
	p.Do(chromedp.Evaluate(`document.querySelectorAll("form").forEach(f => f.reset())`, nil), chromedp.KeyEvent(kb.Tab))
	s.changed(t)
	p.Until(changed)
}

// TestServerIsGone checks that a page whose server has ended says so in sight, and not
// only at its end: it would be taken for fresh.
func TestServerIsGone(t *testing.T) {
	t.Parallel()
	b, s := chromium.For(t), smallSite(t)
	p := s.open(t, b, chromium.Desktop, "/clusters/kafka/kafka")
	const seen = `(e => e.checkVisibility() && e.getBoundingClientRect().bottom <= innerHeight)(document.getElementById("old"))`
	p.Until(`document.getElementById("live").textContent.includes("keeps itself up to date")`)
	if chromium.Value[bool](p, seen) {
		t.Fatal("a fresh page says that it is old")
	}
	s.end()
	p.Until(seen + ` && document.getElementById("old").textContent.includes("does not answer")`)
}
