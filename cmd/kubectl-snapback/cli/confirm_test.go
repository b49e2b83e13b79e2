package cli

import (
	"errors"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

func TestAnswer(t *testing.T) {
	for line, want := range map[string]error{
		"y\n": nil, " YES \n": nil, "yes": nil,
		"": errDeclined, "\n": errDeclined, "n\n": errDeclined, "yesterday\n": errDeclined, "\ny\n": errDeclined,
	} {
		if err := readAnswer(strings.NewReader(line)); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", line, err, want)
		}
	}
}

func TestConfirmWithoutTerminal(t *testing.T) {
	streams, in, _, said := genericiooptions.NewTestIOStreams()
	in.WriteString("y\n")
	o := &options{IOStreams: streams}
	if err := o.confirm("Go on?"); !errors.Is(err, errNobody) || said.Len() > 0 {
		t.Errorf("nobody is there: %v, said %q", err, said)
	}
	o.yes = true
	if err := o.confirm("Go on?"); err != nil || said.Len() > 0 {
		t.Errorf("with --yes: %v, said %q", err, said)
	}
}
