package kind

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// installation are the README's commands for one cluster.
type installation struct{ image, install, test string }

// readInstallations reads how the README installs Snapback with cert-manager,
// and without.
func readInstallations() (with, without installation, err error) {
	content, err := os.ReadFile(filepath.Join(repository, "README.md"))
	if err != nil {
		return with, without, fmt.Errorf("read how Snapback is installed: %w", err)
	}
	_, section, _ := strings.Cut(string(content), "\n## Install\n")
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := indented(section)
	if len(blocks) < 2 {
		return with, without, fmt.Errorf("the README's section Install has %d blocks of commands, 2 are expected", len(blocks))
	}
	for i, to := range []*installation{&with, &without} {
		commands := blocks[i]
		if len(commands) != 3 {
			return with, without, fmt.Errorf("the README installs with %d commands, 3 are expected: %q", len(commands), commands)
		}
		// The cluster gets the image without a registry.
		image, pushed := strings.CutSuffix(commands[0], " && docker push "+snapbackImage)
		if !pushed {
			return with, without, fmt.Errorf("the README does not build and push %s: %q", snapbackImage, commands[0])
		}
		*to = installation{image, commands[1], commands[2]}
	}
	return with, without, nil
}

// indented are the blocks of indented lines; one that ends in a backslash goes
// on in the next.
func indented(text string) [][]string {
	var blocks [][]string
	inside, goesOn := false, false
	for line := range strings.Lines(text) {
		line, is := strings.CutPrefix(strings.TrimRight(line, "\n"), "    ")
		if is && !inside {
			blocks = append(blocks, nil)
		}
		inside = is
		if !is {
			continue
		}
		last := &blocks[len(blocks)-1]
		part, more := strings.CutSuffix(line, "\\")
		if goesOn {
			(*last)[len(*last)-1] += strings.TrimSpace(part)
		} else {
			*last = append(*last, part)
		}
		goesOn = more
	}
	return blocks
}

func TestReadInstallations(t *testing.T) {
	with, without, err := readInstallations()
	if err != nil {
		t.Fatal(err)
	}
	for i, is := range []installation{with, without} {
		if !strings.HasPrefix(is.install, "helm install snapback ") || !strings.HasPrefix(is.test, "helm test snapback ") {
			t.Errorf("block %d is no installation: %+v", i+1, is)
		}
	}
	if strings.Contains(with.install, "certs.mode") || !strings.Contains(without.install, "certs.mode=self-signed") {
		t.Errorf("the first is to be with cert-manager, the second without: %q, %q", with.install, without.install)
	}
}

func TestIndented(t *testing.T) {
	got := indented("Run:\n\n    a \\\n      b\n    c\n\nor:\n\n    d\n")
	want := [][]string{{"a b", "c"}, {"d"}}
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %q, want %q", got, want)
	}
}
