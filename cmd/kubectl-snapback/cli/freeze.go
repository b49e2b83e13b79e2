package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/change"
)

func freezeCommand(o *options) *cobra.Command {
	reason := ""
	cmd := &cobra.Command{
		Use:   "freeze NAME --reason TEXT",
		Short: "Stop all pruning of a KafkaBackup's snapshots",
		Long: `Annotate a KafkaBackup with snapback.dev/freeze: none of its snapshots is pruned
until "unfreeze". Runs go on: snapshots pile up, watch the quota of the storage.
Other KafkaBackups of the cluster go on pruning theirs.

Do this first when something is wrong with a cluster and nobody knows yet which
snapshot is good.`,
		Example: `  # Keep all that there is while we look into it
  kubectl snapback freeze hourly -n kafka --reason "INC-1234: topics lost, since when?"`,
		GroupID:           groupKeep,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: o.completeOne(backupNames),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "Why, for people who find it later")
	_ = cmd.MarkFlagRequired("reason") // it is there
	dry := addDryRun(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if strings.TrimSpace(reason) == "" {
			return errNoReason
		}
		return o.freeze(cmd.Context(), args[0], reason, *dry)
	}
	return cmd
}

func unfreezeCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "unfreeze NAME",
		Short: "Let a KafkaBackup's snapshots be pruned again",
		Long: `Take the annotation snapback.dev/freeze off a KafkaBackup. What has outlived its
retention meanwhile is pruned within minutes, but for what is held: to keep some
of it, use "hold" first.`,
		Example:           `  kubectl snapback unfreeze hourly -n kafka`,
		GroupID:           groupKeep,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: o.completeOne(backupNames),
	}
	dry := addDryRun(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return o.unfreeze(cmd.Context(), args[0], *dry)
	}
	return cmd
}

func (o *options) freeze(ctx context.Context, name, reason string, dry dryRun) error {
	s, b, err := o.backup(ctx, name)
	if err != nil {
		return err
	}
	if before, frozen := b.Annotations[v1alpha1.AnnotationFreeze]; frozen && before != reason {
		fmt.Fprintf(o.ErrOut, "The reason before was: %s\n", before)
	}
	changed, err := s.changer(dry).Freeze(ctx, b, reason)
	if err != nil {
		return err
	}
	return o.did(change.Object(b), changed, "frozen", dry)
}

func (o *options) unfreeze(ctx context.Context, name string, dry dryRun) error {
	s, b, err := o.backup(ctx, name)
	if err != nil {
		return err
	}
	changed, err := s.changer(dry).Unfreeze(ctx, b)
	if err != nil {
		return err
	}
	return o.did(change.Object(b), changed, "unfrozen", dry)
}
