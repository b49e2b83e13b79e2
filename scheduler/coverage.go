package scheduler

import (
	"context"
	"fmt"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/operators"
)

// rolesKept is how long what operators say of roles is believed.
const rolesKept = time.Minute

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
	policies, err := r.policySource(ctx, seen.backup)
	if err != nil {
		return err
	}
	var unmatched, undecided []string
	for _, c := range seen.claims {
		policies.PVC = c.pvc.Annotations
		policy, err := snapshots.NewPolicy(policies)
		if err != nil || !policy.OptedIn() {
			continue
		}
		if !snapshots.Intercepted(c.pvc.Labels, namespace.Labels, configurations.Items) {
			unmatched = append(unmatched, c.pvc.Name)
		}
		if role := r.role(ctx, c); role == snapshots.RoleCombined && policy[snapshots.AnnotationRestoreQuorum] == "" {
			undecided = append(undecided, c.pvc.Name)
		}
	}
	setWhile(kb, conditionNotIntercepted, reasonNoEntryMatches, unmatched,
		"no entry of Snapback's MutatingWebhookConfiguration matches these claims: lost, they would come back empty. Check that it is installed, and the label %s of the namespace", snapshots.LabelIntercept)
	setWhile(kb, conditionQuorumUndecided, reasonCombinedNodes, undecided,
		"these claims are of combined nodes, which hold votes: lost, they would be refused until somebody decides. Set the annotation %s to \"true\" or \"empty\"", snapshots.AnnotationRestoreQuorum)
	return nil
}

// role is the claim's, after what its operator's resources say.
func (r *Reconciler) role(ctx context.Context, c claim) snapshots.Role {
	return r.complete(ctx, c).Role
}

// complete is the claim's volume, with what its operator's resources say.
func (r *Reconciler) complete(ctx context.Context, c claim) snapshots.Volume {
	if now := r.Clock.Now(); r.operators == nil || now.Sub(r.operatorsRead) > rolesKept {
		r.operators, r.operatorsRead = operators.NewReader(r.APIReader, r.Mapper), now
	}
	v := c.volume
	if err := r.operators.Complete(ctx, &v, c.pvc); err != nil {
		log.FromContext(ctx).Error(err, "cannot tell the role of a claim", "namespace", c.pvc.Namespace, "claim", c.pvc.Name)
	}
	c.volume = v
	if strict, err := r.strictRole(ctx, c); err == nil { // else the cache is not filled yet
		v = strict
	}
	return v
}

// setWhile sets a condition while it is true of some claims, and removes it
// when it is of none.
func setWhile(kb *v1alpha1.KafkaBackup, condition, reason string, claims []string, text string, args ...any) {
	if len(claims) == 0 {
		meta.RemoveStatusCondition(&kb.Status.Conditions, condition)
		return
	}
	named := strings.Join(claims[:min(len(claims), maxNamed)], ", ")
	if more := len(claims) - maxNamed; more > 0 {
		named += fmt.Sprintf(" and %d more", more)
	}
	meta.SetStatusCondition(&kb.Status.Conditions, metav1.Condition{
		Type: condition, Status: metav1.ConditionTrue, Reason: reason, ObservedGeneration: kb.Generation,
		Message: fmt.Sprintf(text, args...) + ": " + named,
	})
}
