package snapshots

import (
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

// Intercepted reports whether an entry of the configurations sends the creation
// of a claim to Snapback. claim and namespace are the labels of the claim and of
// its namespace.
func Intercepted(claim, namespace map[string]string, configurations []admissionregistrationv1.MutatingWebhookConfiguration) bool {
	for _, c := range configurations {
		for _, entry := range c.Webhooks {
			if selects(entry.ObjectSelector, claim) && selects(entry.NamespaceSelector, namespace) {
				return true
			}
		}
	}
	return false
}

// selects reports whether a selector of a webhook entry matches the labels. A nil
// selector matches everything.
func selects(selector *metav1.LabelSelector, set map[string]string) bool {
	if selector == nil {
		return true
	}
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && parsed.Matches(labels.Set(set))
}
