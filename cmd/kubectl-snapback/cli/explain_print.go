package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

// explained is all that there is to say of a claim.
type explained struct {
	volume     *inventory.Volume
	name       string                        // of the claim
	pvc        *corev1.PersistentVolumeClaim // as it would be created; nil: only its snapshots are left
	lives      bool                          // it is there, and asked about as if it were lost
	answer     answer                        // of the webhook
	decision   snapshots.Decision            // computed here
	considered []snapshots.Considered
	now        time.Time
}

func (x explained) print(out io.Writer) error {
	v := x.volume
	fmt.Fprintf(out, "Claim %s/%s is volume %s of broker %s (%s) of Kafka cluster %s.\n\n", v.Namespace, x.name, v.Slot, v.Broker, v.Role, v.Cluster)
	for _, line := range x.verdict() {
		fmt.Fprintln(out, line)
	}
	switch {
	case x.chosen() != "":
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

// verdict is what the webhook has answered, and what else there is to know.
func (x explained) verdict() []string {
	if x.pvc == nil {
		return append(x.computed("It is gone. Created again as it was, as far as can be computed here"),
			"The webhook itself was not asked: give the claim's manifest with -f.")
	}
	if chosen := x.chosen(); chosen != "" {
		return []string{fmt.Sprintf("Its creator has chosen what it is filled or bound with (%s): Snapback leaves it alone.", chosen)}
	}
	again := "Created now"
	switch beside := x.refusedBeside(); {
	case beside:
		again = "Created now, beside the one that lives"
	case x.lives || x.answer.outcome == answeredExists:
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
	for _, text := range x.answer.says {
		lines = append(lines, "  "+text)
	}
	switch other := x.decision.SnapshotName(); {
	case x.refusedBeside():
		lines = append(lines, x.computed("If it were lost, as far as can be computed here")...)
	case x.answer.from != "" && other != x.answer.from:
		lines = append(lines, x.computed("What is computed here differs, since you may not read all that the webhook reads, or something has changed")...)
	}
	return lines
}

// chosen is what the claim's creator has chosen itself; empty: nothing.
func (x explained) chosen() v1alpha1.Reason {
	if x.pvc == nil {
		return ""
	}
	d, _ := snapshots.CreatorChose(x.pvc)
	return d.Reason
}

// refusedBeside reports whether the claim may have been refused only because
// the one that it is a copy of lives.
func (x explained) refusedBeside() bool {
	return x.answer.outcome == answeredRefused && x.lives && x.volume.GeneratedName
}

// headline is the answer in a few words.
func (x explained) headline() string {
	switch {
	case x.answer.outcome == answeredRefused:
		return "it is refused"
	case x.answer.outcome == answeredAway:
		return "it is refused, since the webhook cannot be called"
	case x.answer.from != "":
		return "it is restored from VolumeSnapshot " + x.answer.from
	case len(x.spoken()) == 0:
		return fmt.Sprintf("it starts empty: %s, of which the webhook says nothing", x.decision.Reason)
	}
	return "it starts empty"
}

// computed is what was computed here, in words.
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

// unasked reports whether the webhook has said nothing where it speaks.
func (x explained) unasked() bool {
	silent := x.decision.Outcome == v1alpha1.OutcomeAllow && x.decision.Message == ""
	admitted := x.answer.outcome == answeredCreated || x.answer.outcome == answeredExists
	return admitted && x.answer.from == "" && len(x.spoken()) == 0 && !silent
}

// spoken are Snapback's own warnings.
func (x explained) spoken() []string {
	return slices.DeleteFunc(slices.Clone(x.answer.says), func(text string) bool { return !strings.HasPrefix(text, "snapback") })
}

// printNoVolume says how a claim would be one of a broker volume.
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
