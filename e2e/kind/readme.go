package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// installation are the README's commands for one cluster.
type installation struct{ image, install, test string }

// readInstallations reads how the README installs Snapback with cert-manager,
// and without.
func readInstallations() (with, without installation, err error) {
	content, err := os.ReadFile(filepath.Join(repository(), "README.md"))
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
