package cli

import (
	"cmp"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/rehearsal"
	"github.com/snapback-dev/snapback/snapshots"
)

// explained is the explanation of one claim.
type explained struct {
	volume     *inventory.Volume
	name       string                        // of the claim
	pvc        *corev1.PersistentVolumeClaim // as it would be created; nil: only its snapshots are left
	lives      bool                          // it exists, and is explained as if it were lost
	answer     rehearsal.Answer              // the webhook's answer
	decision   snapshots.Decision            // the decision that is computed here
	considered []snapshots.Considered
	now        time.Time
}

func (x explained) print(out io.Writer) error {
	v := x.volume
	fmt.Fprintf(out, "Claim %s/%s is volume %s of broker %s (%s) of Kafka cluster %s.\n\n", v.Namespace, x.name, v.Slot, v.Node, v.Role, v.Cluster)
	for _, line := range x.verdict() {
		fmt.Fprintln(out, line)
	}
	switch {
	case x.answer.Outcome == rehearsal.LeftAlone:
		return nil
	case len(x.considered) == 0:
		fmt.Fprintln(out, "\nThe volume has no snapshots.")
		return nil
	}
	fmt.Fprintln(out)
	rows := [][]string{{"SNAPSHOT", "AGE", "PASSED OVER", "WHY"}}
	for _, c := range x.considered {
		rows = append(rows, []string{c.Name, duration.HumanDuration(x.now.Sub(c.Scheduled)), cmp.Or(string(c.Passed), "-"), cmp.Or(c.Why, "it is the one to restore from")})
	}
	return table(out, rows)
}

// verdict returns the webhook's answer, and what else there is to know.
func (x explained) verdict() []string {
	if x.pvc == nil {
		return append(x.computed("It is gone. Created again as it was, as far as can be computed here"),
			"The webhook itself was not asked: give the claim's manifest with -f.")
	}
	if x.answer.Outcome == rehearsal.LeftAlone {
		return []string{fmt.Sprintf("Its creator has chosen what it is filled or bound with (%s): Snapback leaves it alone.", x.answer.Reason)}
	}
	again := "Created now"
	switch beside := x.refusedBeside(); {
	case beside:
		again = "Created now, beside the one that lives"
	case x.lives || x.answer.Outcome == rehearsal.Exists:
		again = "Lost, and created again now"
	}
	if x.unasked() {
		return append([]string{
			"NotIntercepted: Snapback's webhook was not asked about this claim. " + again + ", it starts EMPTY.",
			"Either no entry of its MutatingWebhookConfiguration matches the claim, or it is away and fails open: see the condition",
			"NotIntercepted of the KafkaBackup, and the label " + v1alpha1.LabelIntercept + " of namespace " + x.volume.Namespace + ".",
		}, x.computed("If it were asked")...)
	}
	lines := []string{fmt.Sprintf("%s, %s.", again, x.headline())}
	for _, text := range x.answer.Says {
		lines = append(lines, "  "+text)
	}
	if x.answer.Outcome == rehearsal.OverQuota {
		lines = append(lines, "  but a quota of the namespace refuses it, unless the lost claim frees its share: "+x.answer.Err.Error())
	}
	switch other := x.decision.SnapshotName(); {
	case x.refusedBeside():
		lines = append(lines, x.computed("If it were lost, as far as can be computed here")...)
	case x.answer.Snapshot != "" && other != x.answer.Snapshot:
		lines = append(lines, x.computed("What is computed here differs, since you may not read all that the webhook reads, or something has changed")...)
	}
	return lines
}

// refusedBeside reports whether the claim is refused only because the original,
// which it is a copy of, still exists.
func (x explained) refusedBeside() bool {
	return x.answer.Outcome == rehearsal.Refused && x.answer.Reason == v1alpha1.ReasonDuplicateVolume && x.lives && x.volume.GeneratedName
}

// headline returns the answer in a few words.
func (x explained) headline() string {
	switch {
	case x.answer.Outcome == rehearsal.Refused, x.answer.Outcome == rehearsal.Blocked:
		return "it is refused"
	case x.answer.Outcome == rehearsal.Away:
		return "it is refused, since the webhook cannot be called"
	case x.answer.Snapshot != "":
		return "it is restored from VolumeSnapshot " + x.answer.Snapshot
	case x.answer.Reason == "":
		return fmt.Sprintf("it starts empty: %s, of which the webhook says nothing", x.decision.Reason)
	}
	return "it starts empty"
}

// computed returns the decision that was computed here, in words.
func (x explained) computed(heading string) []string {
	text := "it starts empty: " + string(x.decision.Reason)
	switch x.decision.Outcome {
	case v1alpha1.OutcomeRestore:
		text = "it is restored from VolumeSnapshot " + x.decision.SnapshotName()
	case v1alpha1.OutcomeDeny:
		text = "it is refused: " + string(x.decision.Reason)
	}
	lines := []string{heading + ", " + text + "."}
	for _, said := range append([]string{x.decision.Message}, x.decision.Warnings...) {
		if said != "" {
			lines = append(lines, "  "+said)
		}
	}
	return lines
}

// unasked reports whether the webhook was not asked: it gave no answer in a case
// in which it always gives one.
func (x explained) unasked() bool {
	silent := x.decision.Outcome == v1alpha1.OutcomeAllow && x.decision.Message == ""
	return x.answer.Admitted() && x.answer.Snapshot == "" && x.answer.Reason == "" && !silent
}

// printNoVolume prints how to make Snapback recognise a claim as a broker's.
func printNoVolume(out io.Writer, pvc *corev1.PersistentVolumeClaim) error {
	lines := []string{
		fmt.Sprintf("Claim %s/%s is no broker volume that Snapback knows: it is neither backed up nor restored.", pvc.Namespace, cmp.Or(pvc.Name, pvc.GenerateName)),
		"",
		fmt.Sprintf("Label it %s=CLUSTER and %s=BROKER to say that it is one, or let the volumeSelector of a", v1alpha1.LabelCluster, v1alpha1.LabelBroker),
		fmt.Sprintf("KafkaBackup match it, with the label %s=true on its namespace. These labels are known of operators and charts:", v1alpha1.LabelIntercept),
		"",
	}
	for _, line := range lines {
		fmt.Fprintln(out, line)
	}
	rows := [][]string{{"OPERATOR OR CHART", "LABELS"}}
	for _, d := range snapshots.Dialects() {
		rows = append(rows, []string{d.Name, d.Selector})
	}
	return table(out, rows)
}
