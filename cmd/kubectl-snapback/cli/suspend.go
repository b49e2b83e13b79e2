package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/change"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

func suspendCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "suspend NAME",
		Short: "Stop the runs of a KafkaBackup",
		Long: `Set spec.suspend of a KafkaBackup, or of the one that a ConfigMap holds.

No runs are started until "resume"; what is under way goes on, and nothing that
falls into the time counts as missed. What there is stays restorable. Pruning
goes on by the retention, but never takes a volume's newest two snapshots: to
stop it too, use "freeze".`,
		Example: `  # No more snapshots while the storage is being moved
  kubectl snapback suspend hourly -n kafka`,
		GroupID:           groupBackUp,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: o.completeOne(backupNames),
	}
	dry := addDryRun(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return o.suspend(cmd.Context(), args[0], *dry)
	}
	return cmd
}

func resumeCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "resume NAME",
		Short: "Let a suspended KafkaBackup run again",
		Long: `Take spec.suspend off a KafkaBackup, or off the one that a ConfigMap holds.

It does not run at once, but at the next time of its schedule: for a backup
now, use "run".`,
		Example:           `  kubectl snapback resume hourly -n kafka`,
		GroupID:           groupBackUp,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: o.completeOne(backupNames),
	}
	dry := addDryRun(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return o.resume(cmd.Context(), args[0], *dry)
	}
	return cmd
}

func (o *options) suspend(ctx context.Context, name string, dry dryRun) error {
	s, b, err := o.backup(ctx, name)
	if err != nil {
		return err
	}
	changed, err := s.changer(dry).Suspend(ctx, b)
	if err != nil {
		return err
	}
	return o.did(change.Object(b), changed, "suspended", dry)
}

func (o *options) resume(ctx context.Context, name string, dry dryRun) error {
	s, b, err := o.backup(ctx, name)
	if err != nil {
		return err
	}
	changed, err := s.changer(dry).Resume(ctx, b)
	if err != nil {
		return err
	}
	if changed {
		fmt.Fprintln(o.ErrOut, inventory.NextRun(b.KafkaBackup, o.now()))
	}
	return o.did(change.Object(b), changed, "resumed", dry)
}
