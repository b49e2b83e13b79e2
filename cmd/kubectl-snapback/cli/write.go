package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/mergepatch"
)

// dryRun is the value of the flag --dry-run.
type dryRun string

const (
	dryRunNone   dryRun = "none"
	dryRunClient dryRun = "client"
	dryRunServer dryRun = "server"
)

// addDryRun adds the flag, as kubectl has it.
func addDryRun(cmd *cobra.Command) *dryRun {
	d := dryRunNone
	cmd.Flags().Var(&d, "dry-run", `"none", "client" (say what would be written) or "server" (let the apiserver check it too, and not keep it)`)
	return &d
}

// String, Set and Type implement pflag's Value.
func (d *dryRun) String() string { return string(*d) }

func (d *dryRun) Set(value string) error {
	if !slices.Contains([]dryRun{dryRunNone, dryRunClient, dryRunServer}, dryRun(value)) {
		return fmt.Errorf("must be none, client or server")
	}
	*d = dryRun(value)
	return nil
}

func (d *dryRun) Type() string { return "string" }

// suffix follows what is said to have been done.
func (d dryRun) suffix() string {
	switch d {
	case dryRunClient:
		return " (dry run)"
	case dryRunServer:
		return " (server dry run)"
	}
	return ""
}

// done says on stdout what became of an object: "held", or "unchanged".
func (o *options) done(object client.Object, what string, d dryRun) error {
	printer, err := printers.NewTypeSetter(api.NewScheme()).WrapToPrinter(&printers.NamePrinter{Operation: what + d.suffix()}, nil)
	if err != nil {
		return err
	}
	return printer.PrintObj(object, o.Out)
}

// mergePatch writes fields of an object, nil takes one off, if it is still the
// one that was read. Where more of what was read decides what is written, the
// metadata has its resourceVersion too.
func (s *session) mergePatch(ctx context.Context, object client.Object, fields map[string]any, d dryRun) error {
	if d == dryRunClient {
		return nil
	}
	patch, err := mergepatch.Of(object.GetUID(), "", fields)
	if err != nil {
		return fmt.Errorf("write %s: %w", object.GetName(), err)
	}
	var options []client.PatchOption
	if d == dryRunServer {
		options = append(options, client.DryRunAll)
	}
	if err := s.Patch(ctx, object, patch, options...); err != nil {
		return fmt.Errorf("write %s: %w", object.GetName(), err)
	}
	return nil
}

// annotate sets annotations; nil takes one off.
func (s *session) annotate(ctx context.Context, object client.Object, annotations map[string]any, d dryRun) error {
	return s.mergePatch(ctx, object, mergepatch.Annotations(annotations), d)
}
