package clock

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
)

// TestWrong moves a clock forwards, backwards, and to the right time.
func TestWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "clock")
	right := clockwork.NewFakeClock()
	c := Wrong(right, file)
	for _, step := range []struct {
		file string
		by   time.Duration
	}{{"", 0}, {"5m\n", 5 * time.Minute}, {"-2m", -2 * time.Minute}, {"nonsense", 0}} {
		if step.file != "" {
			if err := os.WriteFile(file, []byte(step.file), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		right.Advance(lookEvery)
		if got := c.Now().Sub(right.Now()); got != step.by {
			t.Errorf("%q: wrong by %s", step.file, got)
		}
		if got := c.Since(right.Now()); got != step.by {
			t.Errorf("%q: since then %s", step.file, got)
		}
		if got := c.Until(right.Now()); got != -step.by {
			t.Errorf("%q: until then %s", step.file, got)
		}
	}
}
