package rehearsal

import (
	"context"
	"fmt"
	"io"
	"sync"

	"k8s.io/client-go/rest"
)

// Warnings handles the warnings of an apiserver: [Ask] gets those of its own
// request, and all others are printed. A client that asks must have it as its
// config's WarningHandlerWithContext.
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

// listener keeps the warnings of one request, whose context it is in.
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
