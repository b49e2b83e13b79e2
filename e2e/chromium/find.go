// Package chromium runs a real Chromium without a window, for tests of pages
// and for their pictures.
package chromium

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
)

const (
	// programVariable is the environment variable that names the program.
	programVariable = "SNAPBACK_CHROMIUM"
	// requiredVariable is the environment variable that, if it is set, makes tests fail
	// that lack Chromium. Without it they are skipped.
	requiredVariable = "SNAPBACK_CHROMIUM_REQUIRED"
)

// programs are the names under which distributions install Chromium, and Chrome,
// which is built from it.
var programs = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless-shell"}

// Find returns the path of Chromium. The error says what is missing, and how to
// install it.
func Find() (string, error) {
	if name := os.Getenv(programVariable); name != "" {
		path, err := exec.LookPath(name)
		if err != nil {
			return "", fmt.Errorf("%s names no program: %w", programVariable, err)
		}
		return path, nil
	}
	for _, name := range programs {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no Chromium is found: install it, on Debian with \"apt-get install chromium\", or set " + programVariable + " to the program")
}
