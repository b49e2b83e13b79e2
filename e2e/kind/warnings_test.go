package kind

import (
	"context"
	"slices"
	"strings"
	"sync"
)

// warnings are what the apiserver has said with its answers, as kubectl prints it.
type warnings struct {
	mutex sync.Mutex
	texts []string
}

// HandleWarningHeaderWithContext implements [rest.WarningHandlerWithContext].
func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, _ int, _ string, text string) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.texts = append(w.texts, text)
}

// about returns the warnings with this text in them.
func (w *warnings) about(text string) []string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return slices.DeleteFunc(slices.Clone(w.texts), func(t string) bool { return !strings.Contains(t, text) })
}
