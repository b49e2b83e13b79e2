package tracing

import (
	"sync"

	"go.opentelemetry.io/otel/trace"
)

// Told remembers which past spans were told, so that a leader tells each once. Its zero value
// is ready for use.
type Told struct {
	mu            sync.Mutex
	recent, older map[trace.SpanID]bool
}

// maxTold is how many spans are remembered at least, of those that were asked about last:
// those of three thousand KafkaBackups, each with as many restores as a status lists. Whoever
// asks about more tells some again and again, with the same ids.
const maxTold = 100_000

// Has reports whether a past span of a story was told.
func (m *Told) Has(s Story, p Past) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.has(p.key(s))
}

// First reports whether a past span of a story was not told yet, and notes that it is.
func (m *Told) First(s Story, p Past) bool {
	key := p.key(s)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.has(key) {
		return false
	}
	m.keep(key)
	return true
}

// has reports whether a span was told. One that is asked about stays known.
func (m *Told) has(key trace.SpanID) bool {
	if m.older[key] && !m.recent[key] {
		m.keep(key)
	}
	return m.recent[key]
}

// keep notes a span. What was noted long ago and not asked about since is forgotten.
func (m *Told) keep(key trace.SpanID) {
	if m.recent == nil || len(m.recent) >= maxTold {
		m.recent, m.older = map[trace.SpanID]bool{}, m.recent
	}
	m.recent[key] = true
}
