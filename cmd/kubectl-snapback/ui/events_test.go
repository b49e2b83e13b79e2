package ui

import (
	"bufio"
	"fmt"
	"net/http"
	"testing"
)

// listen asks for the events, and returns the status, their lines, and what goes away.
func (w *world) listen(t *testing.T) (status int, lines *bufio.Scanner, leave func()) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.at("/events"), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := w.browser.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	leave = func() { _ = answer.Body.Close() } // also a second time
	t.Cleanup(leave)
	return answer.StatusCode, bufio.NewScanner(answer.Body), leave
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
	_, lines, _ := w.listen(t)
	until(t, lines, "data: 1")
	w.set(func() {})
	until(t, lines, "event: version")
	until(t, lines, "data: 2")
	w.end()
	for lines.Scan() { // until it ends
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the server waited for a listener, and cut it off: %v", err)
	}
}

// TestTooManyListeners are told so, and let in when others have gone.
func TestTooManyListeners(t *testing.T) {
	t.Parallel()
	w := served(t)
	var leave func()
	for range maxListeners {
		_, lines, gone := w.listen(t)
		until(t, lines, "data: 1")
		leave = gone
	}
	status, lines, _ := w.listen(t)
	until(t, lines, "event: crowded")
	until(t, lines, fmt.Sprintf("data: %d", maxListeners))
	if lines.Scan(); status != http.StatusOK || lines.Scan() {
		t.Errorf("status %d, and then %q", status, lines.Text())
	}
	leave()
	for { // until the server has seen it
		if _, lines, _ := w.listen(t); lines.Scan() && lines.Text() == fmt.Sprintf("retry: %d", whenLost.Milliseconds()) {
			return
		}
	}
}
