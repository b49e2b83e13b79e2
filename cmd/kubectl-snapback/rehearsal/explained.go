package rehearsal

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

// Explained is the explanation of one claim.
type Explained struct {
	Volume     *inventory.Volume
	Name       string                        // of the claim
	Claim      *corev1.PersistentVolumeClaim // as it would be created; nil: only its snapshots are left
	Lives      bool                          // it exists, and is explained as if it were lost
	Answer     Answer                        // the webhook's answer
	Decision   snapshots.Decision            // the decision that is computed here
	Considered []snapshots.Considered
}

// Where says which volume the claim is of.
func (x Explained) Where() string {
	v := x.Volume
	return fmt.Sprintf("Claim %s/%s is volume %s of broker %s (%s) of Kafka cluster %s.", v.Namespace, x.Name, v.Slot, v.Node, v.Role, v.Cluster)
}

// Verdict returns the webhook's answer, and what else there is to know.
func (x Explained) Verdict() []string {
	if x.Claim == nil {
		return append(x.Computed(), "The webhook itself was not asked: give the claim's manifest with -f.")
	}
	if x.Answer.Outcome == LeftAlone {
		return []string{fmt.Sprintf("Its creator has chosen what it is filled or bound with (%s): Snapback leaves it alone.", x.Answer.Reason)}
	}
	again := "Created now"
	switch beside := x.refusedBeside(); {
	case beside:
		again = "Created now, beside the one that lives"
	case x.Lives || x.Answer.Outcome == Exists:
		again = "Lost, and created again now"
	}
	if x.unasked() {
		return append([]string{
			"NotIntercepted: Snapback's webhook was not asked about this claim. " + again + ", it starts EMPTY.",
			"Either no entry of its MutatingWebhookConfiguration matches the claim, or it is away and fails open: see the condition",
			"NotIntercepted of the KafkaBackup, and the label " + v1alpha1.LabelIntercept + " of namespace " + x.Volume.Namespace + ".",
		}, x.computed("If it were asked")...)
	}
	lines := []string{fmt.Sprintf("%s, %s.", again, x.headline())}
	for _, text := range x.Answer.Says {
		lines = append(lines, "  "+text)
	}
	if x.Answer.Outcome == OverQuota {
		lines = append(lines, "  but a quota of the namespace refuses it, unless the lost claim frees its share: "+x.Answer.Err.Error())
	}
	switch other := x.Decision.SnapshotName(); {
	case x.refusedBeside():
		lines = append(lines, x.computed("If it were lost, as far as can be computed here")...)
	case x.Answer.Snapshot != "" && other != x.Answer.Snapshot:
		lines = append(lines, x.computed("What is computed here differs, since you may not read all that the webhook reads, or something has changed")...)
	}
	return lines
}

// refusedBeside reports whether the claim is refused only because the original,
// which it is a copy of, still exists.
func (x Explained) refusedBeside() bool {
	return x.Answer.Outcome == Refused && x.Answer.Reason == v1alpha1.ReasonDuplicateVolume && x.Lives && x.Volume.GeneratedName
}

// headline returns the answer in a few words.
func (x Explained) headline() string {
	switch {
	case x.Answer.Outcome == Refused, x.Answer.Outcome == Blocked:
		return "it is refused"
	case x.Answer.Outcome == Away:
		return "it is refused, since the webhook cannot be called"
	case x.Answer.Snapshot != "":
		return "it is restored from VolumeSnapshot " + x.Answer.Snapshot
	case x.Answer.Reason == "":
		return fmt.Sprintf("it starts empty: %s, of which the webhook says nothing", x.Decision.Reason)
	}
	return "it starts empty"
}

// Computed returns the decision that was computed here, in words, if the webhook was not
// asked.
func (x Explained) Computed() []string {
	if x.Claim == nil {
		return x.computed("It is gone. Created again as it was, as far as can be computed here")
	}
	return x.computed("Lost, and created again now, as far as can be computed here")
}

// computed returns the decision that was computed here, in words.
func (x Explained) computed(heading string) []string {
	text := "it starts empty: " + string(x.Decision.Reason)
	switch x.Decision.Outcome {
	case v1alpha1.OutcomeRestore:
		text = "it is restored from VolumeSnapshot " + x.Decision.SnapshotName()
	case v1alpha1.OutcomeDeny:
		text = "it is refused: " + string(x.Decision.Reason)
	}
	lines := []string{heading + ", " + text + "."}
	for _, said := range append([]string{x.Decision.Message}, x.Decision.Warnings...) {
		if said != "" {
			lines = append(lines, "  "+said)
		}
	}
	return lines
}

// unasked reports whether the webhook was not asked: it gave no answer in a case
// in which it always gives one.
func (x Explained) unasked() bool {
	silent := x.Decision.Outcome == v1alpha1.OutcomeAllow && x.Decision.Message == ""
	return x.Answer.Admitted() && x.Answer.Snapshot == "" && x.Answer.Reason == "" && !silent
}
