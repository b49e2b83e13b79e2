package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/change"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

// runPoll is how often the state of a run is read.
const runPoll = time.Second

func runCommand(o *options) *cobra.Command {
	wait, timeout := true, 10*time.Minute
	cmd := &cobra.Command{
		Use:   "run NAME",
		Short: "Take a backup now, and wait until its snapshots are ready",
		Long: `Ask for one run of a KafkaBackup now, beside its schedule, by the annotation
snapback.dev/run-now, and follow it: each volume's snapshot is created, cut
(from then on it holds the data), and ready.

It fails if a volume has no ready snapshot of the run in the end, and says
which, with the driver's words. The run itself is the scheduler's: it goes on
when this command is interrupted or gives up. A suspended KafkaBackup makes
this one run, and none after it.`,
		Example: `  # A backup before an upgrade
  kubectl snapback run hourly -n kafka

  # Only ask for it
  kubectl snapback run hourly -n kafka --wait=false`,
		GroupID:           groupBackUp,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: o.completeOne(backupNames),
	}
	cmd.Flags().BoolVar(&wait, "wait", wait, "Wait until the snapshots are ready")
	cmd.Flags().DurationVar(&timeout, "timeout", timeout, "How long to wait")
	dry := addDryRun(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, b, err := o.backup(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		asked := o.now().UTC().Truncate(time.Second)
		if err := s.changer(*dry).RunNow(cmd.Context(), b, asked); err != nil {
			return err
		}
		if b.Spec.Suspend {
			fmt.Fprintf(o.ErrOut, "%s %s is suspended: it makes this run all the same, and none after it\n", b.Kind(), b.Name)
		}
		if !wait || *dry != dryRunNone {
			return o.done(change.Object(b), "asked for a run at "+asked.Format(time.RFC3339), *dry)
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
		defer cancel()
		ready, err := s.follow(ctx, o.ErrOut, b, &runSeen{asked: asked}, o.now)
		if err != nil {
			return err
		}
		return o.done(change.Object(b), fmt.Sprintf("backed up: %d snapshots of run %s are ready", ready, snapshots.FormatRun(asked)), *dry)
	}
	return cmd
}

// follow prints the progress of a run until it is over, and returns how many of its
// snapshots are ready. It waits for an apiserver that does not answer for a while.
func (s *session) follow(ctx context.Context, out io.Writer, b inventory.Backup, seen *runSeen, now func() time.Time) (int, error) {
	ticker := time.NewTicker(runPoll)
	defer ticker.Stop()
	for {
		err := s.lookAtRun(ctx, b, seen)
		if err != nil && ctx.Err() == nil && !away(err) {
			return 0, err
		}
		if err == nil {
			for _, line := range seen.news(now()) {
				fmt.Fprintln(out, line)
			}
			if over, err := seen.verdict(now()); over {
				return seen.ready(), s.withAbsent(ctx, b, seen, err)
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return 0, fmt.Errorf("interrupted: the run of %s goes on", seen.asked.Format(time.RFC3339))
			}
			return 0, seen.timedOut(now())
		}
	}
}

// away reports whether the apiserver did not answer, or answered that something is
// not available.
func away(err error) bool {
	var unreachable *url.Error
	return errors.As(err, &unreachable) || apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) ||
		apierrors.IsServiceUnavailable(err) || apierrors.IsTooManyRequests(err) || apierrors.IsInternalError(err)
}

// lookAtRun reads the KafkaBackup and the snapshots of the run.
func (s *session) lookAtRun(ctx context.Context, b inventory.Backup, seen *runSeen) error {
	i, err := inventory.LoadBackups(ctx, s, b.Namespace)
	if err != nil {
		return err
	}
	if seen.backup, err = i.Backup(b.Namespace, b.Name); err != nil {
		return err
	}
	var list snapshotv1.VolumeSnapshotList
	if err := s.List(ctx, &list, client.InNamespace(b.Namespace), client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy,
		v1alpha1.LabelBackup: snapshots.LabelValue(b.Name), v1alpha1.LabelRun: snapshots.FormatRun(seen.asked)}); err != nil {
		return fmt.Errorf("list the volumesnapshots of the run: %w", err)
	}
	seen.snapshots = seen.snapshots[:0]
	for n := range list.Items {
		if snap, err := snapshots.NewSnapshot(&list.Items[n]); err == nil {
			seen.snapshots = append(seen.snapshots, snap)
		}
	}
	return nil
}

// withAbsent adds to an error which claims have no snapshot and why, as far as that
// can be read.
func (s *session) withAbsent(ctx context.Context, b inventory.Backup, seen *runSeen, failure error) error {
	if failure == nil || seen.run == nil || seen.run.Skipped == 0 {
		return failure
	}
	all, err := inventory.Load(ctx, s, b.Namespace)
	if err != nil {
		return failure
	}
	if why := absent(all.Volumes, b.Parsed, seen.snapshots); len(why) > 0 {
		return fmt.Errorf("%w; %s", failure, strings.Join(why, "; "))
	}
	return failure
}
