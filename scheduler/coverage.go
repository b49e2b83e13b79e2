package scheduler

import (
	"context"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
)

// findUnmatched names the claims that no webhook entry matches.
func findUnmatched(ctx context.Context, e *examination) ([]string, error) {
	namespace, err := e.namespace(ctx, e.kb.Namespace)
	if err != nil {
		return nil, err
	}
	var configurations admissionregistrationv1.MutatingWebhookConfigurationList
	if err := e.Client.List(ctx, &configurations, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list the webhook configurations: %w", err)
	}
	return unmatched(e.optedIn(), namespace.Labels, configurations.Items), nil
}

func unmatched(all []restorable, namespace map[string]string, configurations []admissionregistrationv1.MutatingWebhookConfiguration) []string {
	var found []string
	intercepted := snapshots.InterceptionIn(namespace, configurations)
	for _, c := range all {
		if !intercepted.Has(c.PVC.Labels) {
			found = append(found, c.PVC.Name)
		}
	}
	return found
}

// findUndecided names the opted-in claims of combined nodes for which the
// annotation restore-quorum is not set.
func findUndecided(ctx context.Context, e *examination) ([]string, error) {
	var found []string
	for _, c := range e.optedIn() {
		if c.policy[v1alpha1.AnnotationRestoreQuorum] == "" && e.role(ctx, e.seen.backup, c.Claim) == snapshots.RoleCombined {
			found = append(found, c.PVC.Name)
		}
	}
	return found, nil
}

// restorable is a claim that is opted in to restores.
type restorable struct {
	claims.Claim
	policy snapshots.Policy
}

// optedIn are the claims that are opted in to restores, with their policies. They are
// found once.
func (e *examination) optedIn() []restorable {
	if e.restorable != nil {
		return e.restorable
	}
	found := []restorable{}
	for _, c := range e.seen.claims {
		if policy, err := e.seen.policies.Of(c); err == nil && policy.OptedIn() {
			found = append(found, restorable{c, policy})
		}
	}
	e.restorable = found
	return found
}
