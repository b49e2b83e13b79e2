package scheduler

import (
	"context"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// foresee says what would keep the cluster's claims from being restored.
func (r *Reconciler) foresee(ctx context.Context, kb *v1alpha1.KafkaBackup, seen view) error {
	var namespace corev1.Namespace
	if err := r.Client.Get(ctx, types.NamespacedName{Name: kb.Namespace}, &namespace); err != nil {
		return fmt.Errorf("read namespace %s: %w", kb.Namespace, err)
	}
	var configurations admissionregistrationv1.MutatingWebhookConfigurationList
	if err := r.Client.List(ctx, &configurations); err != nil {
		return fmt.Errorf("list the webhook configurations: %w", err)
	}
	var unmatched, undecided []string
	for _, c := range seen.claims {
		policy, err := seen.cluster.Policy(c.volume, c.pvc.Annotations)
		if err != nil || !policy.OptedIn() {
			continue
		}
		if !snapshots.Intercepted(c.pvc.Labels, namespace.Labels, configurations.Items) {
			unmatched = append(unmatched, c.pvc.Name)
		}
		if role := r.role(ctx, seen.backup, c); role == snapshots.RoleCombined && policy[v1alpha1.AnnotationRestoreQuorum] == "" {
			undecided = append(undecided, c.pvc.Name)
		}
	}
	setWhile(kb, v1alpha1.ConditionNotIntercepted, v1alpha1.ReasonNoEntryMatches, unmatched,
		"no entry of Snapback's MutatingWebhookConfiguration matches these claims: lost, they would come back empty. Check that it is installed, and the label %s of the namespace", v1alpha1.LabelIntercept)
	setWhile(kb, v1alpha1.ConditionQuorumUndecided, v1alpha1.ReasonCombinedNodes, undecided,
		"these claims are of combined nodes, which hold votes: lost, they would be refused until somebody decides. Set the annotation %s to \"true\" or \"empty\"", v1alpha1.AnnotationRestoreQuorum)
	return nil
}

// setWhile sets a condition while it is true of some claims, and removes it
// when it is of none.
func setWhile(kb *v1alpha1.KafkaBackup, condition, reason string, claims []string, text string, args ...any) {
	if len(claims) == 0 {
		meta.RemoveStatusCondition(&kb.Status.Conditions, condition)
		return
	}
	meta.SetStatusCondition(&kb.Status.Conditions, metav1.Condition{
		Type: condition, Status: metav1.ConditionTrue, Reason: reason, ObservedGeneration: kb.Generation,
		Message: fmt.Sprintf(text, args...) + ": " + snapshots.FirstOf(claims, maxNamed, ", "),
	})
}
