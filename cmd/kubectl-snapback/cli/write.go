package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/change"
)

// dryRun is the value of the flag --dry-run.
type dryRun change.DryRun

const (
	dryRunNone   = dryRun(change.DryRunNone)
	dryRunClient = dryRun(change.DryRunClient)
	dryRunServer = dryRun(change.DryRunServer)
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

// did prints that an object was changed, or that there was nothing to change.
func (o *options) did(object client.Object, changed bool, what string, d dryRun) error {
	if !changed {
		what = "unchanged"
	}
	return o.done(object, what, d)
}

// changer returns what writes changes.
func (s *session) changer(d dryRun) change.Changer { return change.New(s, change.DryRun(d)) }
