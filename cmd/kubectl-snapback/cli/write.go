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
	cmd.Flags().Var(&d, "dry-run", `"none", "client" (only print what would be written) or "server" (send it to the apiserver, which checks but does not store it)`)
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

// suffix returns the end of a message about what was done.
func (d dryRun) suffix() string {
	switch d {
	case dryRunClient:
		return " (dry run)"
	case dryRunServer:
		return " (server dry run)"
	}
	return ""
}

// done prints on stdout what happened to an object, such as "held" or "unchanged".
func (o *options) done(object client.Object, what string, d dryRun) error {
	printer, err := printers.NewTypeSetter(api.NewScheme()).WrapToPrinter(&printers.NamePrinter{Operation: what + d.suffix()}, nil)
	if err != nil {
		return err
	}
	return printer.PrintObj(object, o.Out)
}

// mergePatch sets fields of an object; nil removes a field. It fails if the object
// was replaced by another one since it was read. To fail also if it was changed,
// put its resourceVersion into the metadata.
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

// annotate sets annotations; nil removes one.
func (s *session) annotate(ctx context.Context, object client.Object, annotations map[string]any, d dryRun) error {
	return s.mergePatch(ctx, object, mergepatch.Annotations(annotations), d)
}
