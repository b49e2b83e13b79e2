package cli_test

import (
	"bytes"
	"flag"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/cli"
)

var update = flag.Bool("update", false, "write docs/cli.md")

const reference = "../../../docs/cli.md"

// TestReference holds docs/cli.md to the commands. "make generate" writes it.
func TestReference(t *testing.T) {
	t.Setenv("HOME", "~") // the default of --cache-dir
	streams, _, _, _ := genericiooptions.NewTestIOStreams()
	root := cli.New(streams, "")
	root.DisableAutoGenTag = true
	var page bytes.Buffer
	write(t, &page, root)
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) { f.Hidden = true }) // said once
	for _, command := range root.Commands() {
		if command.IsAvailableCommand() {
			command.DisableAutoGenTag = true
			page.WriteString("\n")
			write(t, &page, command)
		}
	}
	if *update {
		if err := os.WriteFile(reference, page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	has, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(has, page.Bytes()) {
		t.Error("docs/cli.md is not what the commands say: run make generate")
	}
}

// write writes the section of a command, with links within the page.
func write(t *testing.T, page *bytes.Buffer, command *cobra.Command) {
	t.Helper()
	link := func(file string) string {
		return "#" + strings.ReplaceAll(strings.TrimSuffix(path.Base(file), ".md"), "_", "-")
	}
	var section bytes.Buffer
	if err := doc.GenMarkdownCustom(command, &section, link); err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(section.String(), "### SEE ALSO") // all of it is on this page
	page.WriteString(strings.TrimSpace(text) + "\n")
}
