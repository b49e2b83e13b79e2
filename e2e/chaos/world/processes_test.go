package world

import (
	"strings"
	"testing"
)

func TestProcess(t *testing.T) {
	p, err := process(strings.NewReader("# HELP go_goroutines Number\ngo_goroutines 42\nother{a=\"b\"} 1\nprocess_resident_memory_bytes 5.0331648e+07\n"))
	if err != nil || p.Goroutines != 42 || p.Memory != 48<<20 {
		t.Errorf("%+v, %v", p, err)
	}
	for _, wrong := range []string{"", "go_goroutines x\n", "go_goroutines 42\n"} {
		if _, err := process(strings.NewReader(wrong)); err == nil {
			t.Errorf("%q is no error", wrong)
		}
	}
}
