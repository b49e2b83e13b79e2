package showcase

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

// Page is a running "kubectl snapback ui".
type Page struct {
	URL    string // lets in, with its token
	Origin string // such as http://127.0.0.1:40123

	cmd *exec.Cmd
	out *os.File
}

// printedURL is the address in what the command prints.
var printedURL = regexp.MustCompile(`(http://127\.0\.0\.1:\d+)/\?token=\S+`)

// Start starts the page with flags of its own. No browser is opened.
func (w *World) Start(ctx context.Context, flags ...string) (*Page, error) {
	cmd := exec.CommandContext(ctx, w.Program, append([]string{"ui", "--open=false", "--kubeconfig", w.Kubeconfig}, flags...)...)
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start the page: %w", err)
	}
	cmd.Stdout, cmd.Stderr = in, in
	err = cmd.Start()
	_ = in.Close() // the command has its own
	if err != nil {
		_ = out.Close()
		return nil, fmt.Errorf("start the page: %w", err)
	}
	p := &Page{cmd: cmd, out: out}
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if found := printedURL.FindStringSubmatch(lines.Text()); found != nil {
			p.URL, p.Origin = found[0], found[1]
			go io.Copy(io.Discard, out) //nolint:errcheck // nobody reads the rest
			return p, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("the page printed no address:\n%s", said.String()), p.Stop())
}

// Stop ends the page, as a person does.
func (p *Page) Stop() error {
	defer p.out.Close() //nolint:errcheck // nobody reads it any more
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end the page: %w", err)
	}
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("end the page: %w", err)
	}
	return nil
}
