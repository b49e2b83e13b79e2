package chromium

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/chromedp/chromedp"
)

// Browser is a running Chromium with a profile of its own, which goes with it.
type Browser struct {
	ctx    context.Context
	cancel context.CancelFunc
}

// starting is the limit for a browser to start and to be connected to: the first start
// after an installation reads all of it from disk.
const starting = 2 * time.Minute

// ending is the limit for a browser to end by itself; after it, it is killed.
const ending = time.Minute

// Start starts a Chromium. It ends with Close, with the context, and with this
// process.
func Start(ctx context.Context) (*Browser, error) {
	program, err := Find()
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.DisableGPU, chromedp.WSURLReadTimeout(starting))
	if os.Getuid() == 0 {
		// Chromium refuses to start as root with its sandbox: the sandbox drops rights
		// that root gets back. Containers for tests run as root, and these pages
		// are our own.
		options = append(options, chromedp.NoSandbox)
	}
	allocator, cancelAllocator := chromedp.NewExecAllocator(ctx, options...)
	// A Chromium that is newer than the library sends events that the library does
	// not know. These would be printed.
	quiet := chromedp.WithErrorf(func(string, ...any) {})
	browser, cancelBrowser := chromedp.NewContext(allocator, quiet, chromedp.WithBrowserOption(chromedp.WithDialTimeout(starting)))
	b := &Browser{browser, func() { cancelBrowser(); cancelAllocator() }}
	if err := chromedp.Run(browser); err != nil {
		b.cancel()
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	return b, nil
}

// Close ends the browser, and returns when it has ended.
func (b *Browser) Close() error {
	defer b.cancel()
	ctx, cancel := context.WithTimeout(b.ctx, ending)
	defer cancel()
	if err := chromedp.Cancel(ctx); err != nil {
		return fmt.Errorf("end Chromium: %w", err)
	}
	return nil
}
