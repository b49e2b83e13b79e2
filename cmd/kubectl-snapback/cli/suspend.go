package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
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
		return o.setSuspend(cmd.Context(), args[0], true, *dry)
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
		return o.setSuspend(cmd.Context(), args[0], false, *dry)
	}
	return cmd
}

func (o *options) setSuspend(ctx context.Context, name string, suspend bool, dry dryRun) error {
	s, b, err := o.backup(ctx, name)
	if err != nil {
		return err
	}
	if b.Spec.Suspend == suspend {
		return o.done(objectOf(b), "unchanged", dry)
	}
	if snapshots.IsConfigMap(b.KafkaBackup) {
		err = s.suspendConfigMap(ctx, b, suspend, dry)
	} else {
		err = s.mergePatch(ctx, objectOf(b), map[string]any{"spec": map[string]any{"suspend": suspend}}, dry)
	}
	if err != nil {
		return err
	}
	what := "resumed"
	if suspend {
		what = "suspended"
	} else {
		fmt.Fprintln(o.ErrOut, nextRun(b.KafkaBackup, o.now()))
	}
	return o.done(objectOf(b), what, dry)
}

// suspendConfigMap changes the spec that a ConfigMap holds.
func (s *session) suspendConfigMap(ctx context.Context, b inventory.Backup, suspend bool, dry dryRun) error {
	return retry.RetryOnConflict(retry.DefaultRetry, func() error { // the scheduler writes the status to it
		var cm corev1.ConfigMap
		if err := s.Get(ctx, client.ObjectKeyFromObject(b.KafkaBackup), &cm); err != nil {
			return fmt.Errorf("read configmap %s/%s: %w", b.Namespace, b.Name, err)
		}
		spec, err := withSuspend(cm.Data["spec"], suspend)
		if err != nil {
			return fmt.Errorf("configmap %s/%s: data.spec: %w", b.Namespace, b.Name, err)
		}
		return s.mergePatch(ctx, objectOf(b), map[string]any{
			"metadata": map[string]any{"resourceVersion": cm.ResourceVersion}, "data": map[string]any{"spec": spec}}, dry)
	})
}

// withSuspend returns the YAML of a spec with only this field changed.
func withSuspend(spec string, suspend bool) (string, error) {
	node, err := yaml.Parse(spec)
	if err != nil {
		return "", fmt.Errorf("is no YAML: %w", err)
	}
	value := &yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagBool, Value: strconv.FormatBool(suspend)}
	if field := node.Field("suspend"); !field.IsNilOrEmpty() {
		value.LineComment = field.Value.YNode().LineComment
		field.Value.SetYNode(value)
	} else if err := node.PipeE(yaml.SetField("suspend", yaml.NewRNode(value))); err != nil {
		return "", fmt.Errorf("set suspend: %w", err)
	}
	return node.String()
}

// nextRun returns, in words, when a KafkaBackup that is resumed now runs next.
func nextRun(kb *v1alpha1.KafkaBackup, now time.Time) string {
	times, err := snapshots.Times(kb)
	if err != nil {
		return fmt.Sprintf("It does not run: %v", err)
	}
	next := times.Since(now).Next(now)
	return fmt.Sprintf("Its next run is in %s, at %s", duration.HumanDuration(next.Sub(now)), next.Format(time.RFC3339))
}
