package snapshots_test

import (
	"slices"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestIntercepted checks a claim of a dialect in a labelled namespace. If no entry
// matches both, the webhook is never called and the claim starts empty.
func TestIntercepted(t *testing.T) {
	t.Parallel()
	claim, namespace := map[string]string{"app": "kafka"}, map[string]string{"kubernetes.io/metadata.name": "kafka"}
	has := func(key string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: metav1.LabelSelectorOpExists}}}
	}
	no := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: "Is"}}}
	entry := func(object, namespace *metav1.LabelSelector) admissionregistrationv1.MutatingWebhook {
		return admissionregistrationv1.MutatingWebhook{ObjectSelector: object, NamespaceSelector: namespace}
	}
	for name, test := range map[string]struct {
		entries []admissionregistrationv1.MutatingWebhook
		want    bool
	}{
		"no entry":                          {},
		"both match":                        {[]admissionregistrationv1.MutatingWebhook{entry(has("app"), has("kubernetes.io/metadata.name"))}, true},
		"the claim is of another operator":  {[]admissionregistrationv1.MutatingWebhook{entry(has("strimzi.io/cluster"), has("kubernetes.io/metadata.name"))}, false},
		"the namespace is left out":         {[]admissionregistrationv1.MutatingWebhook{entry(has("app"), has("snapback.dev/selector"))}, false},
		"a label of the claim's is no help": {[]admissionregistrationv1.MutatingWebhook{entry(has("app"), has("app"))}, false},
		"an entry for all there is":         {[]admissionregistrationv1.MutatingWebhook{entry(nil, nil)}, true},
		"a selector that is none":           {[]admissionregistrationv1.MutatingWebhook{entry(no, nil)}, false},
		"the second entry":                  {[]admissionregistrationv1.MutatingWebhook{entry(has("strimzi.io/cluster"), nil), entry(has("app"), nil)}, true},
	} {
		one := []admissionregistrationv1.MutatingWebhookConfiguration{{}, {Webhooks: test.entries}}
		if got := snapshots.InterceptionIn(namespace, one).Has(claim); got != test.want {
			t.Errorf("%s: intercepted %t", name, got)
		}
	}
}

// TestEntries has one entry for each dialect and one for the selectors: two of
// one name, and the apiserver refuses the configuration.
func TestEntries(t *testing.T) {
	t.Parallel()
	entries := snapshots.Entries()
	if !slices.Contains(entries, snapshots.EntrySelector) || len(entries) != len(snapshots.Dialects())+1 {
		t.Errorf("%d dialects have the entries %q", len(snapshots.Dialects()), entries)
	}
	for i, name := range entries {
		if slices.Contains(entries[:i], name) || len(validation.IsFullyQualifiedName(field.NewPath("name"), name)) > 0 {
			t.Errorf("%q is no name, or twice", name)
		}
	}
	for _, d := range snapshots.Dialects() {
		if !slices.Contains(entries, d.Entry()) {
			t.Errorf("nobody asks about claims of %s", d.Name)
		}
	}
}

// TestSelected has a claim that a dialect knows, and one that only a
// volumeSelector does: for that one its namespace must be labelled.
func TestSelected(t *testing.T) {
	t.Parallel()
	backup := parse(t, snapshotstest.NewBackup("a", "kafka", "csi").Spec(selectAll))
	for claim, want := range map[*snapshotstest.Claim]bool{snapshotstest.PlainClaim("disk"): true, snapshotstest.StatefulSetClaim("kafka", 0): false} {
		if v := identify(t, claim, backup); v.Selected() != want {
			t.Errorf("%s by %s: selected %t", v, v.Dialect, v.Selected())
		}
	}
}
