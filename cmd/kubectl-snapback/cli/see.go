package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

// The values of -o.
const (
	outputText = ""
	outputWide = "wide"
	outputName = "name"
)

var outputs = []string{outputWide, "json", "yaml", outputName}

// output is the flag -o of a command that shows something.
type output string

func (p *output) addTo(cmd *cobra.Command) {
	cmd.Flags().StringVarP((*string)(p), "output", "o", "", "Output format. One of: "+strings.Join(outputs, ", "))
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(outputs, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
}

func (p output) check() error {
	if p != outputText && !slices.Contains(outputs, string(p)) {
		return fmt.Errorf("unknown output format %q: use one of %s", string(p), strings.Join(outputs, ", "))
	}
	return nil
}

// print prints objects as kubectl does: as JSON, YAML or names.
func (p output) print(o runtime.Object, out io.Writer) error {
	var printer printers.ResourcePrinter = &printers.NamePrinter{ShortOutput: true}
	if p != outputName {
		var err error
		if printer, err = genericclioptions.NewJSONYamlPrintFlags().ToPrinter(string(p)); err != nil {
			return fmt.Errorf("print as %s: %w", string(p), err)
		}
	}
	if err := printer.PrintObj(o, out); err != nil {
		return fmt.Errorf("print as %s: %w", string(p), err)
	}
	return nil
}

// listOf returns a List of objects as kubectl prints it. The objects must have
// their kinds set.
func listOf[T runtime.Object](objects []T) (*unstructured.UnstructuredList, error) {
	list := &unstructured.UnstructuredList{Object: map[string]any{"apiVersion": "v1", "kind": "List", "metadata": map[string]any{}}}
	for _, o := range objects {
		object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
		if err != nil {
			return nil, fmt.Errorf("convert %T: %w", o, err)
		}
		list.Items = append(list.Items, unstructured.Unstructured{Object: object})
	}
	return list, nil
}

// nameOf returns an object with only a kind and a name.
func nameOf(apiVersion, kind, name string) runtime.Object {
	return &metav1.PartialObjectMetadata{
		TypeMeta: metav1.TypeMeta{APIVersion: apiVersion, Kind: kind}, ObjectMeta: metav1.ObjectMeta{Name: name},
	}
}

// table prints rows in columns.
func table(out io.Writer, rows [][]string) error {
	w := printers.GetNewTabWriter(out)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, text := range row {
			cells[i] = plain(text)
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// plain returns a text without what moves the cursor, or does more: tenants write
// some of the texts.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r):
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// ago returns a time relative to now, such as "5m ago" or "in 5m".
func ago(t, now time.Time) string { return inventory.Ago(t, now) }

// warn prints on stderr what could not be read.
func (o *options) warn(notes []string) {
	for _, note := range notes {
		fmt.Fprintln(o.ErrOut, "note:", note)
	}
}
