package snapshots_test

import (
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/snapshots"
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
		if got := snapshots.Intercepted(claim, namespace, one); got != test.want {
			t.Errorf("%s: intercepted %t", name, got)
		}
	}
}
