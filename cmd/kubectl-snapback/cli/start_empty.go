package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

// longestEmpty is the longest --for: a forgotten pin lets a lost broker start empty.
const longestEmpty = 24 * time.Hour

func startEmptyCommand(o *options) *cobra.Command {
	hours, kafka, cancel := time.Hour, "", false
	cmd := &cobra.Command{
		Use:   "start-empty BROKER",
		Short: "Let a lost broker start empty for once, instead of being restored",
		Long: `Set snapback.dev/start-empty-until on the newest snapshot of each volume of a
broker: claims of its volumes that are created until then start empty, whatever
else is set. All that they held must come from the replicas on other brokers.

Nothing happens to a claim that is there. The snapshots stay, and after the time
is over they are restored from again; what the empty volume gets is distrusted
for spec.promoteAfter, unless you "promote" it. Take the pin off with --cancel
once the broker is back: lost again within the time, it would start empty again.

Say it of one broker at a time: of several that start empty together, partitions
whose replicas are all on them are lost.`,
		Example: `  # Broker 2's data is worthless, let it replicate all of it
  kubectl snapback start-empty 2 --for 1h -n kafka

  # It is back
  kubectl snapback start-empty 2 --cancel -n kafka`,
		GroupID:           groupRestore,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: o.completeOne(brokerNames),
	}
	cmd.Flags().DurationVar(&hours, "for", hours, "How long claims of it start empty, at most 24h")
	cmd.Flags().StringVar(&kafka, "cluster", "", "The Kafka cluster, if the namespace has several")
	cmd.Flags().BoolVar(&cancel, "cancel", false, "Remove the annotation again")
	o.addYes(cmd)
	dry := addDryRun(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if hours < time.Second || hours > longestEmpty {
			return fmt.Errorf("--for %s: must be from 1s to %s", hours, longestEmpty)
		}
		s, i, err := o.loadCluster(cmd.Context(), kafka, nil)
		if err != nil {
			return err
		}
		volumes, err := i.Broker(args[0])
		if err != nil {
			return err
		}
		if cancel {
			return o.cancelEmpty(cmd.Context(), s, volumes, *dry)
		}
		now := o.now()
		plan := planEmpty(i, volumes, now.Add(hours).UTC().Truncate(time.Second), now)
		for _, line := range plan.says {
			fmt.Fprintln(o.ErrOut, line)
		}
		if len(plan.pin) > 0 && *dry == dryRunNone {
			if err := o.confirm(fmt.Sprintf("Let broker %s start empty, if it is lost before %s?", volumes[0].Node, plan.until)); err != nil {
				return err
			}
		}
		return o.startEmpty(cmd.Context(), s, plan, *dry)
	}
	return cmd
}

// emptyPlan is what start-empty will do.
type emptyPlan struct {
	until string
	pin   []pinned // pins to set
	set   []pinned // pins that are set already
	says  []string // what it means, for the user
}

// pinned is a snapshot that has the pin for its volume.
type pinned struct {
	volume   *inventory.Volume
	snapshot snapshots.Snapshot
}

// planEmpty returns what start-empty does to the volumes of one broker, and what
// would be lost.
func planEmpty(i *inventory.Inventory, volumes []inventory.Volume, until, now time.Time) emptyPlan {
	plan := emptyPlan{until: until.Format(time.RFC3339)}
	for n := range volumes {
		v := &volumes[n]
		candidates := snapshots.Candidates(v.Snapshots)
		if len(candidates) == 0 {
			plan.says = append(plan.says, fmt.Sprintf("%s has no snapshot: there is nothing to do, it starts empty anyway", v.Slot))
			continue
		}
		if s, t, ok := v.StartsEmpty(now); ok {
			plan.says = append(plan.says, fmt.Sprintf("%s starts empty already, for %s. For another time, --cancel it first", v.Slot, duration.HumanDuration(t.Sub(now))))
			plan.set = append(plan.set, pinned{v, s})
			continue
		}
		plan.says = append(plan.says, emptied(i, v, candidates, until, now)...)
		plan.pin = append(plan.pin, pinned{v, candidates[0]})
	}
	if lost := lostBesides(i, volumes[0].Node); len(plan.pin) > 0 && len(lost) > 0 {
		plan.says = append(plan.says, fmt.Sprintf("WARNING: lost now as well: %s. Partitions whose other replicas are all on them are lost for good", strings.Join(lost, ", ")))
	}
	return plan
}

// emptied returns, in words, what a volume would lose.
func emptied(i *inventory.Inventory, v *inventory.Volume, candidates []snapshots.Snapshot, until, now time.Time) (says []string) {
	says = append(says, fmt.Sprintf("%s would not be restored from any of its %d snapshots, the newest of which is %s old: its data must come from other replicas",
		v.Slot, len(candidates), duration.HumanDuration(now.Sub(candidates[0].Scheduled))))
	if v.Role.Quorum() {
		says = append(says, fmt.Sprintf("WARNING: %s holds votes of the quorum (%s): where a majority of it starts empty, the cluster's metadata is lost", v.Slot, v.Role.Words()))
	}
	if pvc := v.Claim(); pvc != nil {
		says = append(says, fmt.Sprintf("%s has a claim, %s, which stays as it is: this is for when it is deleted and created again", v.Slot, pvc.Name))
	}
	if d := i.IfEmpty(v, until, now); d.Outcome != v1alpha1.OutcomeAllow {
		says = append(says, fmt.Sprintf("WARNING: the claim of %s would still not start empty: %s", v.Slot, d.Message))
	} else if d.Reason == v1alpha1.ReasonNotOptedIn {
		says = append(says, fmt.Sprintf("%s is not opted in: it starts empty anyway", v.Slot))
	}
	return says
}

// lostBesides returns the volumes of the cluster's other brokers that have no
// claim.
func lostBesides(i *inventory.Inventory, broker string) (slots []string) {
	for _, v := range i.Volumes {
		if v.Node != broker && v.Claim() == nil {
			slots = append(slots, v.Slot)
		}
	}
	return slots
}

func (o *options) startEmpty(ctx context.Context, s *session, plan emptyPlan, dry dryRun) error {
	for _, p := range plan.set {
		if err := o.done(p.volume.Objects[p.snapshot.Name], "unchanged", dry); err != nil {
			return err
		}
	}
	for _, p := range plan.pin {
		vs := p.volume.Objects[p.snapshot.Name].DeepCopy()
		// The resourceVersion is checked: the snapshot may have been marked for pruning since.
		if err := s.changer(dry).Merge(ctx, vs, map[string]any{"metadata": map[string]any{"resourceVersion": vs.ResourceVersion,
			"annotations": map[string]any{v1alpha1.AnnotationStartEmptyUntil: plan.until}}}); err != nil {
			return err
		}
		if err := o.done(vs, "annotated: "+p.volume.Slot+" starts empty until "+plan.until, dry); err != nil {
			return err
		}
	}
	return nil
}

// cancelEmpty removes the pin from all snapshots of the volumes.
func (o *options) cancelEmpty(ctx context.Context, s *session, volumes []inventory.Volume, dry dryRun) error {
	found := false
	for _, v := range volumes {
		for _, snap := range v.Snapshots {
			if _, ok := snap.Annotations[v1alpha1.AnnotationStartEmptyUntil]; !ok {
				continue
			}
			found = true
			vs := v.Objects[snap.Name].DeepCopy()
			if err := s.changer(dry).Annotate(ctx, vs, map[string]any{v1alpha1.AnnotationStartEmptyUntil: nil}); err != nil {
				return err
			}
			if err := o.done(vs, "annotated: "+v.Slot+" starts empty no more", dry); err != nil {
				return err
			}
		}
	}
	if !found {
		fmt.Fprintf(o.ErrOut, "There is nothing to cancel: no snapshot of broker %s says to start empty\n", volumes[0].Node)
	}
	return nil
}
