package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/change"
	"github.com/snapback-dev/snapback/snapshots"
)

var errNoReason = errors.New("--reason must say why, for people who find it later")

func holdCommand(o *options) *cobra.Command {
	var of chosen
	reason := ""
	cmd := &cobra.Command{
		Use:   "hold (SNAPSHOT... | --run RUN) --reason TEXT",
		Short: "Keep snapshots from being pruned",
		Long: `Annotate VolumeSnapshots with snapback.dev/hold: they are not pruned until
"release". What a lost claim is restored from does not change: that is still the
newest good one.

A hold does not keep anybody from deleting the VolumeSnapshot by hand.`,
		Example: `  # Keep what there was before the upgrade
  kubectl snapback hold --run 20260221-190533 --cluster kafka -n kafka --reason "before the upgrade to 4.1"`,
		GroupID: groupKeep,
	}
	of.addTo(o, cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "Why, for people who find it later")
	_ = cmd.MarkFlagRequired("reason") // it is there
	dry := addDryRun(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if strings.TrimSpace(reason) == "" {
			return errNoReason
		}
		s, found, err := of.read(cmd.Context(), o, args)
		if err != nil {
			return err
		}
		for n := range found {
			vs := &found[n]
			if before, held := vs.Annotations[v1alpha1.AnnotationHold]; held && before != reason {
				fmt.Fprintf(o.ErrOut, "%s was held before: %s\n", vs.Name, before)
			}
			changed, err := s.changer(*dry).Hold(cmd.Context(), vs, reason)
			if err != nil {
				return err
			}
			if err := o.did(vs, changed, "held", *dry); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

func releaseCommand(o *options) *cobra.Command {
	var of chosen
	abandoned := false
	cmd := &cobra.Command{
		Use:   "release (SNAPSHOT... | --run RUN)",
		Short: "Let held snapshots go",
		Long: `Take off VolumeSnapshots what keeps them from being pruned:

  snapback.dev/hold          somebody holds it
  snapback.dev/restore-next  the next claim of its volume would get it: that one
                             gets the newest good snapshot again
  snapback.dev/abandoned     only with --abandoned: a restore from an older
                             snapshot has left it aside, with what was written
                             after that one

From then on the retention of their KafkaBackup lets them go. An abandoned one
that is released also counts again when a lost claim is restored, as long as it
is there: it can be the newest good one. To be rid of it, delete the
VolumeSnapshot instead.`,
		Example: `  kubectl snapback release data-kafka-0-20260221-190533-1a2b3 -n kafka

  # All of a run
  kubectl snapback release --run 20260221-190533 -n kafka`,
		GroupID: groupKeep,
	}
	of.addTo(o, cmd)
	cmd.Flags().BoolVar(&abandoned, "abandoned", false, "Also those that a restore has abandoned")
	dry := addDryRun(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, found, err := of.read(cmd.Context(), o, args)
		if err != nil {
			return err
		}
		for n := range found {
			if err := change.MayRelease(&found[n]); err != nil && !abandoned {
				return err
			}
		}
		for n := range found {
			if err := o.release(cmd.Context(), s, &found[n], *dry); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

// release removes the annotations that keep a snapshot from being pruned.
func (o *options) release(ctx context.Context, s *session, vs *snapshotv1.VolumeSnapshot, dry dryRun) error {
	off, err := s.changer(dry).Release(ctx, vs)
	if err != nil {
		return err
	}
	for _, mark := range off {
		fmt.Fprintf(o.ErrOut, "%s is %s%s\n", vs.Name, mark.Means, dry.suffix())
	}
	return o.did(vs, len(off) > 0, "released", dry)
}

// chosen holds the flags that choose the snapshots of a command.
type chosen struct{ run, cluster string }

func (ch *chosen) addTo(o *options, cmd *cobra.Command) {
	cmd.Flags().StringVar(&ch.run, "run", "", "All snapshots of a run: its time as their label snapback.dev/run has it, or RFC 3339")
	cmd.Flags().StringVar(&ch.cluster, "cluster", "", "The Kafka cluster of the run, if several were backed up at that time")
	cmd.ValidArgsFunction = o.completeSome(snapshotNames)
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if (len(args) == 0) == (ch.run == "") {
			return errors.New("name VolumeSnapshots, or a run with --run")
		}
		return nil
	}
}

// read returns the chosen snapshots. It reads them all before anything is changed.
func (ch *chosen) read(ctx context.Context, o *options, names []string) (*session, []snapshotv1.VolumeSnapshot, error) {
	s, err := o.connect(nil)
	if err != nil {
		return nil, nil, err
	}
	if ch.run != "" {
		found, err := ch.readRun(ctx, s)
		return s, found, err
	}
	found := make([]snapshotv1.VolumeSnapshot, len(names))
	for n, name := range names {
		err := s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: name}, &found[n])
		if apierrors.IsNotFound(err) {
			return nil, nil, fmt.Errorf("namespace %s has no VolumeSnapshot %q; nothing was changed", s.namespace, name)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read volumesnapshot %s/%s: %w", s.namespace, name, err)
		}
		if err := change.MayChange(&found[n]); err != nil {
			return nil, nil, err
		}
	}
	return s, found, nil
}

func (ch *chosen) readRun(ctx context.Context, s *session) ([]snapshotv1.VolumeSnapshot, error) {
	run := ch.run
	if at, err := time.Parse(time.RFC3339, run); err == nil {
		run = snapshots.FormatRun(at)
	}
	if _, err := snapshots.ParseRun(run); err != nil {
		return nil, fmt.Errorf("--run %q: must be a time such as 20260221-190533 or 2026-02-21T19:05:33Z", ch.run)
	}
	var list snapshotv1.VolumeSnapshotList
	if err := s.List(ctx, &list, client.InNamespace(s.namespace), client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelRun: run}); err != nil {
		return nil, fmt.Errorf("list the volumesnapshots: %w", err)
	}
	return ofCluster(list.Items, s.namespace, run, ch.cluster)
}

// ofCluster returns the snapshots of a run that belong to one Kafka cluster.
// Without a name there must be only one.
func ofCluster(all []snapshotv1.VolumeSnapshot, namespace, run, cluster string) ([]snapshotv1.VolumeSnapshot, error) {
	var clusters []string
	for _, vs := range all {
		clusters = append(clusters, vs.Annotations[v1alpha1.AnnotationClusterName])
	}
	slices.Sort(clusters)
	switch clusters = slices.Compact(clusters); {
	case len(all) == 0:
		return nil, fmt.Errorf("namespace %s has no VolumeSnapshot of run %s", namespace, run)
	case cluster == "" && len(clusters) > 1:
		return nil, fmt.Errorf("run %s is of several Kafka clusters, name one with --cluster: %s", run, strings.Join(clusters, ", "))
	case cluster != "" && !slices.Contains(clusters, cluster):
		return nil, fmt.Errorf("run %s is not of Kafka cluster %q, but of: %s", run, cluster, strings.Join(clusters, ", "))
	}
	return slices.DeleteFunc(all, func(vs snapshotv1.VolumeSnapshot) bool {
		return cluster != "" && vs.Annotations[v1alpha1.AnnotationClusterName] != cluster
	}), nil
}
