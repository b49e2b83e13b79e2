package cli

import (
	"context"
	"fmt"
	"os"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

const snapshotsLong = `Show the snapshots of each broker volume of a Kafka cluster as a timeline: a row for each volume, a column
for each run, the oldest on the left, and a mark for the state of each snapshot. The one that a re-created
PVC of the volume would get has a "<" behind its mark. Nothing is changed.

In a terminal it shows as many runs as fit, else the last 24; --runs says how many. Times are in UTC.
With -o wide it is a table with a row for each snapshot, the newest first; -o json and yaml print the
VolumeSnapshots themselves.

Without a CLUSTER it is the only one of the namespace.`

const snapshotsExample = `  # The timeline of a cluster's volumes
  kubectl snapback snapshots my-cluster

  # All snapshots of one broker, with sizes, lineages and what holds them
  kubectl snapback snapshots my-cluster --broker 2 -o wide

  # Names, for other commands
  kubectl snapback snapshots my-cluster -o name`

// defaultRuns is the number of columns if the terminal's width is not known.
const defaultRuns = 24

type snapshotsOptions struct {
	*options
	broker string
	runs   int
	output output
}

func snapshotsCommand(o *options) *cobra.Command {
	s := &snapshotsOptions{options: o}
	cmd := &cobra.Command{
		Use:               "snapshots [CLUSTER]",
		Short:             "A timeline of each volume's snapshots, and which one a re-created PVC would get",
		Long:              snapshotsLong,
		Example:           snapshotsExample,
		GroupID:           groupSee,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: o.completeOne(clusterNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.run(cmd.Context(), append(args, "")[0])
		},
	}
	cmd.Flags().StringVar(&s.broker, "broker", "", "Show only the volumes of this broker: its name or its number")
	cmd.Flags().IntVar(&s.runs, "runs", 0, "How many runs to show, the newest; default: as many as the terminal is wide, else 24")
	s.output.addTo(cmd)
	return cmd
}

func (s *snapshotsOptions) run(ctx context.Context, cluster string) error {
	if err := s.output.check(); err != nil {
		return err
	}
	if s.runs < 0 {
		return fmt.Errorf("--runs %d: must be at least 1", s.runs)
	}
	_, inv, err := s.loadCluster(ctx, cluster, nil)
	if err != nil {
		return err
	}
	s.warn(inv.Notes)
	volumes := inv.Volumes
	if s.broker != "" {
		if volumes, err = inv.Broker(s.broker); err != nil {
			return err
		}
	}
	switch s.output {
	case outputText:
		return s.printTimeline(inv, volumes)
	case outputWide:
		return table(s.Out, snapshotRows(volumes, s.now()))
	}
	list, err := listOf(objectsOf(volumes))
	if err != nil {
		return err
	}
	return s.output.print(list, s.Out)
}

func (s *snapshotsOptions) printTimeline(inv *inventory.Inventory, volumes []inventory.Volume) error {
	t := newTimeline(inv, volumes, s.now())
	if len(t.runs) == 0 {
		fmt.Fprintln(s.ErrOut, "No snapshots found.")
		return nil
	}
	runs := s.runs
	if runs == 0 {
		runs = defaultRuns
		if out, ok := s.Out.(*os.File); ok {
			if width, _, err := term.GetSize(int(out.Fd())); err == nil {
				runs = t.fit(width)
			}
		}
	}
	if _, err := fmt.Fprint(s.Out, t.render(runs)); err != nil {
		return fmt.Errorf("print the timeline: %w", err)
	}
	return nil
}

// objectsOf returns the volumes' VolumeSnapshots, the newest of each volume first.
func objectsOf(volumes []inventory.Volume) []*snapshotv1.VolumeSnapshot {
	var objects []*snapshotv1.VolumeSnapshot
	for _, v := range volumes {
		for _, s := range v.Snapshots {
			vs := v.Objects[s.Name].DeepCopy()
			vs.SetGroupVersionKind(snapshotv1.SchemeGroupVersion.WithKind("VolumeSnapshot"))
			objects = append(objects, vs)
		}
	}
	return objects
}
