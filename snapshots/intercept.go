package snapshots

import (
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Entries returns the names of all entries of the webhook configuration: one for
// each dialect, and one for claims that only a volumeSelector knows.
func Entries() []string {
	names := []string{EntrySelector}
	for _, d := range Dialects() {
		names = append(names, d.Entry())
	}
	return names
}

// EntrySelector is the name of the entry that sends all claims of a namespace,
// if the namespace has the label [v1alpha1.LabelIntercept].
const EntrySelector = "selector" + entryDomain

const entryDomain = ".snapback.dev"

// Entry returns the name of the dialect's entry in the webhook configuration.
func (d Dialect) Entry() string { return d.Name + entryDomain }

// Interception says which claims of a namespace are sent to Snapback when they are
// created: those that one of these selectors matches.
type Interception []labels.Selector

// InterceptionIn returns what entries of the configurations send to Snapback of a
// namespace with these labels.
func InterceptionIn(namespace map[string]string, configurations []admissionregistrationv1.MutatingWebhookConfiguration) Interception {
	var of Interception
	for _, c := range configurations {
		for _, entry := range c.Webhooks {
			if claims, ok := parsed(entry.ObjectSelector); ok && selects(entry.NamespaceSelector, namespace) {
				of = append(of, claims)
			}
		}
	}
	return of
}

// Has reports whether the creation of a claim with these labels is sent to Snapback.
func (i Interception) Has(claim map[string]string) bool {
	return slices.ContainsFunc(i, func(s labels.Selector) bool { return s.Matches(labels.Set(claim)) })
}

// parsed returns a selector of a webhook entry; false: it is not valid. A nil selector
// matches everything.
func parsed(selector *metav1.LabelSelector) (labels.Selector, bool) {
	if selector == nil {
		return labels.Everything(), true
	}
	s, err := metav1.LabelSelectorAsSelector(selector)
	return s, err == nil
}

func selects(selector *metav1.LabelSelector, set map[string]string) bool {
	s, ok := parsed(selector)
	return ok && s.Matches(labels.Set(set))
}
