package cli

import (
	"strings"
	"testing"
)

// TestTableIsPlain checks that what tenants write cannot drive a terminal, or make
// rows of its own.
func TestTableIsPlain(t *testing.T) {
	var out strings.Builder
	if err := table(&out, [][]string{{"A", "B"}, {"x\ty\nz", "\x1b[2Jgone\u009b\u202e\xff"}}); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "A       B\nx y z   \ufffd[2Jgone\ufffd\ufffd\ufffd\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
