package snapshots

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Entries are the names of all entries of the webhook configuration: one per
// dialect, and the one for what only a volumeSelector knows.
func Entries() []string {
	names := []string{EntrySelector}
	for _, d := range Dialects() {
		names = append(names, d.Entry())
	}
	return names
}

// EntrySelector is the name of the entry that asks about all claims of the
// namespaces that are labelled so.
const EntrySelector = "selector" + entryDomain

const entryDomain = ".snapback.dev"

// Entry is the name of the dialect's entry.
func (d Dialect) Entry() string { return d.Name + entryDomain }

// Intercepted reports whether an entry of the configurations sends the creation
// of a claim with these labels, in a namespace with those, to Snapback.
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

// selects reports whether a selector of a webhook entry matches; none matches
// everything.
func selects(selector *metav1.LabelSelector, set map[string]string) bool {
	if selector == nil {
		return true
	}
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && parsed.Matches(labels.Set(set))
}
