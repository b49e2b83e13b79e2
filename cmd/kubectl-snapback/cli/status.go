package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

func statusCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:     "status [CLUSTER]",
		Short:   "Each broker volume, its claim, and its newest good snapshot: the data loss if it died now",
		GroupID: groupSee,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := o.connect(nil)
			if err != nil {
				return err
			}
			inv, err := inventory.Load(cmd.Context(), s, s.namespace)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				if inv, err = inv.Only(s.namespace, args[0]); err != nil {
					return err
				}
			}
			if len(inv.Volumes) == 0 {
				fmt.Fprintf(o.ErrOut, "No broker volumes found in namespace %s.\n", s.namespace)
				return nil
			}
			return printStatus(o.Out, inv.Volumes, o.now())
		},
	}
}

func printStatus(out io.Writer, volumes []inventory.Volume, now time.Time) error {
	w := printers.GetNewTabWriter(out)
	fmt.Fprintln(w, "CLUSTER\tVOLUME\tCLAIM\tNEWEST SNAPSHOT\tAGE")
	for _, v := range volumes {
		claim, name, age := "", "<none>", "-"
		if c := v.Claim(); c != nil {
			claim = fmt.Sprintf("%s (%s)", c.Name, c.Status.Phase)
		}
		ready := slices.IndexFunc(v.Snapshots, func(s snapshots.Snapshot) bool { return s.Ready && !s.Deleting })
		if ready >= 0 {
			name, age = v.Snapshots[ready].Name, duration.HumanDuration(now.Sub(v.Snapshots[ready].Scheduled))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", v.Cluster, v.Slot, cmp.Or(claim, "<lost>"), name, age)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print the status: %w", err)
	}
	return nil
}
