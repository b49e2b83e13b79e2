package chromium

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// View is how a page is looked at.
type View struct {
	Width, Height int64
	Dark          bool   // the person prefers dark colours
	Timezone      string // of the browser, such as Asia/Tokyo; empty: that of the machine
}

// Narrow is a small telephone, and what a desktop shows at a zoom of 400 %: WCAG
// 2.2 asks that a page can be read there without scrolling in two directions.
var Narrow = View{Width: 320, Height: 640}

// Desktop is an ordinary window.
var Desktop = View{Width: 1200, Height: 800}

// patience is the limit for a step, which takes far less than a second on an idle machine.
const patience = time.Minute

// Page is a tab with cookies of its own.
type Page struct {
	ctx    context.Context
	cancel context.CancelFunc
	faults *faults
}

// Open opens a tab.
func (b *Browser) Open(view View) (*Page, error) {
	// The library's own way opens no window, and newer versions of Chromium need one
	// for a tab with cookies of its own.
	browser := cdp.WithExecutor(b.ctx, chromedp.FromContext(b.ctx).Browser)
	cookies, err := target.CreateBrowserContext().WithDisposeOnDetach(true).Do(browser)
	if err != nil {
		return nil, fmt.Errorf("make a place for cookies: %w", err)
	}
	id, err := target.CreateTarget("about:blank").WithBrowserContextID(cookies).WithNewWindow(true).Do(browser)
	if err != nil {
		return nil, fmt.Errorf("open a tab: %w", err)
	}
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithTargetID(id))
	p := &Page{ctx, cancel, &faults{}}
	chromedp.ListenTarget(ctx, p.faults.see)
	// The first run attaches to the tab for as long as that run's context lives.
	if err := chromedp.Run(ctx, network.Enable()); err != nil {
		cancel()
		return nil, fmt.Errorf("open a tab: %w", err)
	}
	return p, p.Look(view)
}

// Close closes the tab. Its cookies go with the browser.
func (p *Page) Close() { p.cancel() }

// Look changes how the page is looked at.
func (p *Page) Look(view View) error {
	scheme := "light"
	if view.Dark {
		scheme = "dark"
	}
	return p.Run(
		emulation.SetDeviceMetricsOverride(view.Width, view.Height, 1, false),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
		emulation.SetTimezoneOverride(view.Timezone),
	)
}

// Run does some steps in the page. The error says at which address.
func (p *Page) Run(actions ...chromedp.Action) error {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		return fmt.Errorf("at %s: %w", p.address(), err)
	}
	return nil
}

// Awaited is an option of [chromedp.Evaluate] that waits for the result of a promise.
func Awaited(e *runtime.EvaluateParams) *runtime.EvaluateParams { return e.WithAwaitPromise(true) }

// Wait waits until a JavaScript expression is true. The library's own way of waiting
// fails when the page is left for another one meanwhile.
func (p *Page) Wait(expression string) error {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var is bool
		err := chromedp.Run(ctx, chromedp.Evaluate(expression, &is))
		if err == nil && is {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("at %s: wait for %s: %w", p.address(), expression, errors.Join(context.Cause(ctx), err))
		}
	}
}

func (p *Page) address() string {
	ctx, cancel := context.WithTimeout(p.ctx, time.Second)
	defer cancel()
	var address string
	if err := chromedp.Run(ctx, chromedp.Location(&address)); err != nil {
		return "an unknown address"
	}
	return address
}

// quality of pictures, of 100: text stays sharp.
const quality = 85

// Picture writes what is seen into a file, as WebP, which is smaller than Chromium's PNG.
func (p *Page) Picture(file string) error {
	var picture []byte
	take := func(ctx context.Context) (err error) {
		picture, err = page.CaptureScreenshot().WithFormat(page.CaptureScreenshotFormatWebp).WithQuality(quality).Do(ctx)
		return err
	}
	if err := p.Run(chromedp.ActionFunc(take)); err != nil {
		return fmt.Errorf("take the picture %s: %w", file, err)
	}
	if err := os.WriteFile(file, picture, 0o644); err != nil {
		return fmt.Errorf("keep a picture: %w", err)
	}
	return nil
}

// Faults are what went wrong in the page since it was opened: what the console
// has as an error, and requests that failed.
func (p *Page) Faults() []string { return p.faults.all() }
