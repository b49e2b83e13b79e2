package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

var (
	errNobody      = errors.New("standard input is not a terminal, so nobody can be asked: say --yes if you mean it; nothing was changed")
	errDeclined    = errors.New("not confirmed: nothing was changed")
	errInterrupted = errors.New("interrupted: nothing was changed")
)

// addYes adds the flag that answers the question of confirm.
func (o *options) addYes(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "Do not ask")
}

// confirm asks on stderr whether to go on, unless --yes is given. Any answer but
// yes is an error, and so is a standard input that is no terminal. Call it before
// the first write.
func (o *options) confirm(question string) error {
	if o.yes {
		return nil
	}
	in, ok := o.In.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return errNobody
	}
	fmt.Fprintf(o.ErrOut, "%s [y/N] ", question)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop() // a read cannot be interrupted: it ends with the process
	answered := make(chan error, 1)
	go func() { answered <- readAnswer(in) }()
	select {
	case err := <-answered:
		return err
	case <-ctx.Done():
		fmt.Fprintln(o.ErrOut)
		return errInterrupted
	}
}

// readAnswer reads a line, and returns an error unless it is a yes.
func readAnswer(in io.Reader) error {
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}
	return errDeclined
}
