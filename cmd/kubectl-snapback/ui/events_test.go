package ui

import (
	"bufio"
	"net/http"
	"testing"
	"time"
)

// listen returns the lines of the events.
func (w *world) listen(t *testing.T) (*http.Response, *bufio.Scanner) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.at("/events"), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := w.browser.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	return answer, bufio.NewScanner(answer.Body)
}

func until(t *testing.T, lines *bufio.Scanner, want string) {
	t.Helper()
	for lines.Scan() {
		if lines.Text() == want {
			return
		}
	}
	t.Errorf("there is no line %q: %v", want, lines.Err())
}

// TestEvents tell of the version and of changes, and end with the server, which does
// not wait for them.
func TestEvents(t *testing.T) {
	t.Parallel()
	w := served(t)
	_, lines := w.listen(t)
	until(t, lines, "data: 1")
	w.set(func() {})
	until(t, lines, "event: version")
	until(t, lines, "data: 2")
	began := time.Now()
	w.end()
	if took := time.Since(began); took > farewell {
		t.Errorf("the server took %s to end", took)
	}
	for lines.Scan() { // until it ends
	}
}

// TestTooManyListeners are refused, and let in when others have gone.
func TestTooManyListeners(t *testing.T) {
	t.Parallel()
	w := served(t)
	var all []*http.Response
	for range maxListeners {
		answer, lines := w.listen(t)
		until(t, lines, "data: 1")
		all = append(all, answer)
	}
	if answer, _ := w.listen(t); answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d", answer.StatusCode)
	}
	all[0].Body.Close()
	for {
		if answer, _ := w.listen(t); answer.StatusCode == http.StatusOK {
			return
		}
	}
}
