package ui_test

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/memory"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"

	"github.com/snapback-dev/snapback/e2e/chromium"
)

// paint is when a person sees something, and what was sent for it.
type paint struct {
	FirstPaint, Loaded float64 // in milliseconds, since the browser has asked
	Bytes              float64
}

const paintOf = `({
	FirstPaint: performance.getEntriesByName("first-contentful-paint")[0].startTime,
	Loaded: performance.getEntriesByType("navigation")[0].loadEventEnd,
	Bytes: [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")].reduce((sum, e) => sum + e.transferSize, 0)})`

// BenchmarkBrowser opens the page of a cluster of 1,000 volumes with 50 runs each.
func BenchmarkBrowser(b *testing.B) {
	browser, s := chromium.For(b), largeSite(b, 1000, 50)
	for name, path := range map[string]string{"clusters": "/", "cluster": "/clusters/kafka/kafka", "claim": "/claims/kafka/data-kafka-500", "backups": "/backups"} {
		b.Run(name, func(b *testing.B) {
			sum := map[string]float64{}
			for b.Loop() {
				measure(b, browser, s, path, sum)
			}
			for unit, total := range sum {
				b.ReportMetric(total/float64(b.N), unit)
			}
		})
	}
}

// measure opens a page in a new tab and adds up what it costs there.
func measure(b *testing.B, browser *chromium.Browser, s *site, path string, sum map[string]float64) {
	b.Helper()
	page, err := browser.Open(chromium.Desktop)
	if err != nil {
		b.Fatal(err)
	}
	defer page.Close()
	var p paint
	var metrics []*performance.Metric
	var nodes int64
	if err := page.Run(performance.Enable(), chromedp.Navigate(s.url), chromedp.Navigate(s.origin+path)); err != nil {
		b.Fatal(err)
	}
	if err := page.Wait(`performance.getEntriesByName("first-contentful-paint").length > 0`); err != nil {
		b.Fatal(err)
	}
	err = page.Run(chromedp.Evaluate(paintOf, &p),
		chromedp.ActionFunc(func(ctx context.Context) (err error) {
			if _, nodes, _, err = memory.GetDOMCounters().Do(ctx); err != nil {
				return err
			}
			metrics, err = performance.GetMetrics().Do(ctx)
			return err
		}))
	if err != nil {
		b.Fatal(err)
	}
	sum["ms-to-first-paint"] += p.FirstPaint
	sum["ms-to-load"] += p.Loaded
	sum["B-transferred"] += p.Bytes
	sum["DOM-nodes"] += float64(nodes)
	for _, m := range metrics {
		if m.Name == "JSHeapUsedSize" {
			sum["B-JS-heap"] += m.Value
		}
	}
}
