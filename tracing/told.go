package tracing

import (
	"sync"

	"go.opentelemetry.io/otel/trace"
)

// Told remembers which past spans were told, so that a leader tells each once. Its zero value
// is ready for use.
type Told struct {
	mu  sync.Mutex
	all map[trace.SpanID]bool
}

// maxTold is how many spans are remembered. Beyond it all are forgotten, and some spans
// are told twice, with the same ids.
const maxTold = 10000

// Has reports whether a past span of a story was told.
func (m *Told) Has(s Story, p Past) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all[p.key(s)]
}

// First reports whether a past span of a story was not told yet, and notes that it is.
func (m *Told) First(s Story, p Past) bool {
	key := p.key(s)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all[key] {
		return false
	}
	if m.all == nil || len(m.all) >= maxTold {
		m.all = map[trace.SpanID]bool{}
	}
	m.all[key] = true
	return true
}
