package rehearsal

import (
	"context"
	"fmt"
	"io"
	"sync"

	"k8s.io/client-go/rest"
)

// Warnings is a handler for the warnings of an apiserver. It gives [Ask] those of
// its own request, and prints all others. It must be the WarningHandlerWithContext
// in the config of a client that asks.
type Warnings struct{ Out io.Writer }

var _ rest.WarningHandlerWithContext = Warnings{}

// HandleWarningHeaderWithContext implements [rest.WarningHandlerWithContext].
func (w Warnings) HandleWarningHeaderWithContext(ctx context.Context, _ int, _, text string) {
	if text == "" {
		return
	}
	if l, ok := ctx.Value(listenerKey{}).(*listener); ok {
		l.add(text)
		return
	}
	fmt.Fprintln(w.Out, "Warning:", text)
}

// listener collects the warnings of one request. It is in the request's context.
type listener struct {
	mu    sync.Mutex
	texts []string
}

type listenerKey struct{}

func listen(ctx context.Context) (context.Context, *listener) {
	l := &listener{}
	return context.WithValue(ctx, listenerKey{}, l), l
}

func (l *listener) add(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.texts = append(l.texts, text)
}

func (l *listener) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.texts
}
