package cli

import (
	"fmt"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

func promoteCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "promote PVC",
		Short: "Say that the data of a volume that came back empty is good",
		Long: `Annotate a claim with snapback.dev/promote=true.

A volume that came back empty beside snapshots of its former self is distrusted
for spec.promoteAfter (24 h by default): lost again, it is restored from the
snapshots of before. If the broker has its data back, such as from its replicas,
promote its claim: from now on the newest snapshot since then wins. The
snapshots of before stay, and the newest of them is never pruned.

If the data is not good, do not promote it: delete the claim and its pod, and
the volume is restored.`,
		Example:           `  kubectl snapback promote data-kafka-2 -n kafka`,
		GroupID:           groupRestore,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: o.completeOne(claimNames),
	}
	dry := addDryRun(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, i, err := o.load(cmd.Context())
		if err != nil {
			return err
		}
		v, pvc, found := i.OfClaim(args[0])
		if !found {
			return fmt.Errorf("namespace %s has no claim %q that Snapback knows as a volume of a Kafka cluster", s.namespace, args[0])
		}
		if pvc.Status.Phase != corev1.ClaimBound || pvc.DeletionTimestamp != nil {
			return fmt.Errorf("claim %s is not bound, or is being deleted: there is no data to promote", pvc.Name)
		}
		lineage, err := i.Lineage(cmd.Context(), s, v, pvc, o.now())
		if err != nil {
			return err
		}
		if lineage.Proven {
			fmt.Fprintf(o.ErrOut, "There is nothing to promote: the data of claim %s counts as good already\n", pvc.Name)
			return o.done(pvc, "unchanged", *dry)
		}
		if err := s.changer(*dry).Annotate(cmd.Context(), pvc.DeepCopy(), map[string]any{v1alpha1.AnnotationPromote: v1alpha1.ValueTrue}); err != nil {
			return err
		}
		own, older := byLineage(v.Snapshots, lineage.ID)
		fmt.Fprintf(o.ErrOut, "%d snapshots since claim %s came back empty count from now on, and those to come; the %d of before stay\n", own, pvc.Name, older)
		if own == 0 {
			fmt.Fprintln(o.ErrOut, "Until there is one, a lost claim still gets the newest of before: take one with \"kubectl snapback run\"")
		}
		return o.done(pvc, "promoted", *dry)
	}
	return cmd
}

// byLineage returns how many snapshots of a lineage, and of all others, can be
// restored.
func byLineage(all []snapshots.Snapshot, id string) (own, others int) {
	for _, s := range snapshots.Candidates(all) {
		if s.Lineage.ID == id {
			own++
		} else {
			others++
		}
	}
	return own, others
}
