package ui

import (
	"fmt"
	"os/exec"
	"runtime"
)

// openers are the commands that open an address in the browser.
var openers = map[string][]string{
	"darwin":  {"open"},
	"windows": {"rundll32", "url.dll,FileProtocolHandler"},
}

// Browse opens an address in the person's browser. It does not wait for it.
func Browse(address string) error {
	opener, ok := openers[runtime.GOOS]
	if !ok {
		opener = []string{"xdg-open"}
	}
	cmd := exec.Command(opener[0], append(opener[1:len(opener):len(opener)], address)...)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("open the browser: %w", err)
	}
	go func() { _ = cmd.Wait() }() // so that it leaves no zombie; what it says is for nobody
	return nil
}
