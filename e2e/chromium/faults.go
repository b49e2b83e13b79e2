package chromium

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
)

// faults collects what goes wrong in a tab. The tab's events arrive while its
// steps run.
type faults struct {
	mu   sync.Mutex
	seen []string
}

// see takes an event of the tab.
func (f *faults) see(event any) {
	fault := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		fault = "exception: " + e.ExceptionDetails.Error()
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeAssert {
			fault = "console: " + said(e.Args)
		}
	case *log.EventEntryAdded: // what the content security policy forbids is one
		if e.Entry.Level == log.LevelError {
			fault = fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *network.EventLoadingFailed:
		if !e.Canceled { // the page's own wish, as when one leaves it
			fault = fmt.Sprintf("request: a %s failed: %s", e.Type, e.ErrorText)
		}
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			fault = fmt.Sprintf("request: %s was answered with %d", e.Response.URL, e.Response.Status)
		}
	}
	if fault == "" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, fault)
}

func said(args []*runtime.RemoteObject) string {
	words := make([]string, len(args))
	for i, a := range args {
		if words[i] = string(a.Value); words[i] == "" {
			words[i] = a.Description
		}
	}
	return strings.Join(words, " ")
}

func (f *faults) all() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.seen)
}
