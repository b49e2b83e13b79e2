// Package rehearsal finds out what a claim would get without creating it: it asks
// the webhook in a server-side dry run.
package rehearsal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// Outcome is what would happen to a claim.
type Outcome int

// What can happen to it.
const (
	Created    Outcome = iota // it would be created
	Exists                    // it would be admitted, but a claim of its name exists
	OverQuota                 // it would be admitted, but a quota of the namespace has no room for it
	LeftAlone                 // it would be admitted unchanged: its creator has chosen its source or volume
	Refused                   // Snapback refuses it
	Blocked                   // something else refuses it
	Away                      // the webhook could not be called, and fails closed
	NotAllowed                // the user may not create claims
	Failed                    // the apiserver's answer does not tell
)

// Answer is the answer of the apiserver and the webhook behind it.
type Answer struct {
	Outcome  Outcome
	Reason   v1alpha1.Reason // Snapback's reason, whatever the outcome; empty: it gave none
	Snapshot string          // the VolumeSnapshot to restore from; empty: none
	Says     []string        // why it is not created, and the warnings, for people
	Err      error           // error of the request
}

// Admitted reports whether a claim that Snapback decides about would be admitted.
func (a Answer) Admitted() bool {
	return a.Outcome == Created || a.Outcome == Exists || a.Outcome == OverQuota
}

// Untold returns why the answer does not tell what the claim would get; nil: it does.
func (a Answer) Untold(claim *corev1.PersistentVolumeClaim) error {
	switch a.Outcome {
	case NotAllowed:
		return fmt.Errorf("to ask the webhook you need the right to create PersistentVolumeClaims in namespace %s, also for a dry run: %w", claim.Namespace, a.Err)
	case Failed:
		return fmt.Errorf("ask about claim %s by a dry run: %w", cmp.Or(claim.Name, claim.GenerateName), a.Err)
	}
	return nil
}

// Ask creates the claim in a dry run and returns the answer. The client must have
// [Warnings].
func Ask(ctx context.Context, c client.Client, claim *corev1.PersistentVolumeClaim) Answer {
	ctx, heard := listen(ctx)
	created := claim.DeepCopy()
	err := c.Create(ctx, created, client.DryRunAll)
	a := answerOf(err, heard.all())
	if a.Outcome == Created {
		a.Snapshot = restoredFrom(created)
	}
	if chosen := Chosen(claim); chosen != "" && a.Admitted() && a.Reason == "" {
		a.Outcome, a.Reason = LeftAlone, chosen
	}
	return a
}

// restoredFrom returns the VolumeSnapshot that Snapback has given a claim; empty:
// none.
// Its annotation alone fills no volume: another webhook may have changed the
// source since.
func restoredFrom(claim *corev1.PersistentVolumeClaim) string {
	if given := claim.Annotations[v1alpha1.AnnotationRestoredFrom]; given == snapshots.SourceOf(claim) {
		return given
	}
	return ""
}

// answerOf returns the answer that follows from the error and the warnings alone.
func answerOf(err error, warnings []string) Answer {
	a := Answer{Outcome: outcomeOf(err), Says: warnings, Err: err}
	for _, text := range warnings {
		if reason, snapshot, ok := v1alpha1.ReadWarning(text); ok {
			a.Reason, a.Snapshot = cmp.Or(a.Reason, reason), cmp.Or(a.Snapshot, snapshot)
		}
	}
	if reason, message, ok := refusal(err); ok {
		a.Outcome, a.Reason, a.Says = Refused, reason, append([]string{message}, warnings...)
	} else if !a.Admitted() {
		a.Says = append([]string{oneLine(err)}, warnings...)
	}
	return a
}

// refusal returns why Snapback refuses a claim; false if something else refuses
// it.
func refusal(err error) (reason v1alpha1.Reason, message string, ok bool) {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return "", "", false
	}
	for _, cause := range status.Status().Details.Causes {
		if reason, ok := v1alpha1.ReadCause(cause); ok {
			return reason, cause.Message, true
		}
	}
	return "", "", false
}

// oneLine returns the text of an error in one line: Kubernetes may have broken it.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
