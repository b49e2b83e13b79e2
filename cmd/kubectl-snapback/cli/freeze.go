package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/snapback-dev/snapback/api/v1alpha1"
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
		return o.setFreeze(cmd.Context(), args[0], &reason, *dry)
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
		return o.setFreeze(cmd.Context(), args[0], nil, *dry)
	}
	return cmd
}

// setFreeze freezes a KafkaBackup for a reason; nil: unfreezes it.
func (o *options) setFreeze(ctx context.Context, name string, reason *string, dry dryRun) error {
	s, b, err := o.backup(ctx, name)
	if err != nil {
		return err
	}
	before, frozen := b.Annotations[v1alpha1.AnnotationFreeze]
	if reason == nil && !frozen || reason != nil && frozen && before == *reason {
		return o.done(objectOf(b), "unchanged", dry)
	}
	if reason != nil && frozen {
		fmt.Fprintf(o.ErrOut, "The reason before was: %s\n", before)
	}
	var value any
	what := "unfrozen"
	if reason != nil {
		value, what = *reason, "frozen"
	}
	if err := s.annotate(ctx, objectOf(b), map[string]any{v1alpha1.AnnotationFreeze: value}, dry); err != nil {
		return err
	}
	return o.done(objectOf(b), what, dry)
}
