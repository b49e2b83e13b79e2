package doctor

import (
	"context"
	"fmt"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

const configurationSubject = "MutatingWebhookConfiguration " + v1alpha1.Installation

func checkConfiguration(_ context.Context, e *examination) ([]Finding, error) {
	if e.unread != nil && !apierrors.IsNotFound(e.unread) {
		return nil, e.unread
	}
	return judgeConfiguration(e.configuration), nil
}

func judgeConfiguration(c *admissionregistrationv1.MutatingWebhookConfiguration) []Finding {
	if c == nil {
		return []Finding{problem(configurationSubject, "it does not exist: claims of lost brokers come back empty", "apply the manifests of Snapback again, or helm upgrade")}
	}
	var ignoring, there []string
	for _, w := range c.Webhooks {
		there = append(there, w.Name)
		if ptr.Deref(w.FailurePolicy, admissionregistrationv1.Fail) == admissionregistrationv1.Ignore {
			ignoring = append(ignoring, w.Name)
		}
	}
	var findings []Finding
	if len(ignoring) > 0 {
		findings = append(findings, warning(configurationSubject, "failurePolicy is Ignore: while Snapback is down, claims of lost brokers come back empty: "+several(ignoring),
			"if that is not intended, remove the component fail-open, or set failurePolicy=Fail in the chart's values"))
	}
	if missing := missingEntries(there); len(missing) > 0 {
		findings = append(findings, problem(configurationSubject, "entries are missing, so the claims that they match come back empty: "+several(missing), "apply the manifests of Snapback again, or helm upgrade"))
	}
	return unless(findings, ok(configurationSubject, "all %d entries exist and fail closed", len(there)))
}

func missingEntries(there []string) []string {
	return slices.DeleteFunc(snapshots.Entries(), func(name string) bool { return slices.Contains(there, name) })
}

// brokerClaim is what decides whether a live claim of a broker volume is
// intercepted.
type brokerClaim struct {
	name     string
	labels   map[string]string
	optedIn  bool
	selector bool // only a volumeSelector matches it
}

func checkInterception(ctx context.Context, e *examination) ([]Finding, error) {
	if e.configuration == nil {
		return []Finding{skipped("", "the webhook configuration could not be read, or is not there")}, nil
	}
	var findings []Finding
	for _, namespace := range e.namespaces() {
		labels, err := e.labels(ctx, namespace)
		if err != nil {
			findings = append(findings, cannot(err))
			continue
		}
		findings = append(findings, judgeInterception(namespace, labels, e.claims(namespace), e.configuration)...)
	}
	return unless(findings, ok("", "no namespace has brokers")), nil
}

// claims returns the live claims of a namespace's brokers.
func (e *examination) claims(namespace string) (all []brokerClaim) {
	for n := range e.inventory.Volumes {
		v := &e.inventory.Volumes[n]
		pvc := v.Claim()
		if pvc == nil || v.Namespace != namespace {
			continue
		}
		policy, err := e.inventory.Policy(v)
		all = append(all, brokerClaim{pvc.Name, pvc.Labels, err == nil && policy.OptedIn(), v.Selected()})
	}
	return all
}

func judgeInterception(namespace string, labels map[string]string, claims []brokerClaim, c *admissionregistrationv1.MutatingWebhookConfiguration) []Finding {
	subject := "Namespace " + namespace
	if labels[v1alpha1.LabelIntercept] == v1alpha1.ValueOff {
		return []Finding{warning(subject, fmt.Sprintf("it is labelled %s=off: claims that are lost there come back empty", v1alpha1.LabelIntercept),
			fmt.Sprintf("when the incident is over: kubectl label namespace %s %s-", namespace, v1alpha1.LabelIntercept))}
	}
	var unmatched, selected []string
	intercepted := snapshots.InterceptionIn(labels, []admissionregistrationv1.MutatingWebhookConfiguration{*c})
	for _, claim := range claims {
		if !claim.optedIn || intercepted.Has(claim.labels) {
			continue
		}
		if claim.selector {
			selected = append(selected, claim.name)
		} else {
			unmatched = append(unmatched, claim.name)
		}
	}
	var findings []Finding
	if len(selected) > 0 {
		findings = append(findings, problem(subject, "the webhook is not asked about claims that only a volumeSelector matches: if they were lost, they would come back empty: "+several(selected),
			fmt.Sprintf("kubectl label namespace %s %s=true", namespace, v1alpha1.LabelIntercept)))
	}
	if len(unmatched) > 0 {
		findings = append(findings, problem(subject, "no entry of the webhook configuration matches these claims: if they were lost, they would come back empty: "+several(unmatched),
			"apply the manifests of Snapback again, or helm upgrade"))
	}
	return unless(findings, ok(subject, "the webhook is asked about all of its broker volumes"))
}
