package webhook_test

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// entries are the webhooks of the shipped configuration, by name.
func entries(t *testing.T) map[string]admissionregistrationv1.MutatingWebhook {
	t.Helper()
	data, err := os.ReadFile("../manifests/base/webhook.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var configuration admissionregistrationv1.MutatingWebhookConfiguration
	if err := yaml.UnmarshalStrict(data, &configuration); err != nil {
		t.Fatal(err)
	}
	byName := map[string]admissionregistrationv1.MutatingWebhook{}
	for _, entry := range configuration.Webhooks {
		if _, twice := byName[entry.Name]; twice {
			t.Errorf("two entries are named %s", entry.Name)
		}
		byName[entry.Name] = entry
	}
	return byName
}

// requirements returns a selector as text. Two selectors that match the same labels
// have the same text.
func requirements(t *testing.T, selector labels.Selector) []string {
	t.Helper()
	all, selectable := selector.Requirements()
	if !selectable {
		t.Errorf("%s selects nothing", selector)
	}
	var words []string
	for _, r := range all {
		operator := r.Operator()
		switch operator {
		case selection.Equals, selection.DoubleEquals:
			operator = selection.In
		case selection.NotEquals:
			operator = selection.NotIn
		}
		values := slices.Sorted(slices.Values(r.ValuesUnsorted()))
		words = append(words, fmt.Sprintf("%s %s %q", r.Key(), operator, values))
	}
	slices.Sort(words)
	return slices.Compact(words)
}

func parsed(t *testing.T, selector *metav1.LabelSelector) labels.Selector {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestManifestHasOneEntryPerDialect(t *testing.T) {
	all := entries(t)
	for _, dialect := range snapshots.Dialects() {
		entry, ok := all[dialect.Entry()]
		if !ok {
			t.Errorf("dialect %s has no entry", dialect.Name)
			continue
		}
		delete(all, entry.Name)
		want, err := labels.Parse(dialect.Selector)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := requirements(t, parsed(t, entry.ObjectSelector)), requirements(t, want); !slices.Equal(got, want) {
			t.Errorf("%s selects\n%q, the dialect\n%q", entry.Name, got, want)
		}
	}
	if _, ok := all[snapshots.EntrySelector]; !ok {
		t.Errorf("no entry %s", snapshots.EntrySelector)
	}
	delete(all, snapshots.EntrySelector)
	for name := range all {
		t.Errorf("entry %s is of no dialect", name)
	}
}

func TestManifestEntriesFailClosed(t *testing.T) {
	for name, entry := range entries(t) {
		t.Run(name, func(t *testing.T) {
			if policy := ptr.Deref(entry.FailurePolicy, ""); policy != admissionregistrationv1.Fail {
				t.Errorf("failurePolicy %q", policy)
			}
			if effects := ptr.Deref(entry.SideEffects, ""); effects != admissionregistrationv1.SideEffectClassNoneOnDryRun {
				t.Errorf("sideEffects %q: a dry run would be refused", effects)
			}
			if !slices.Equal(entry.AdmissionReviewVersions, []string{"v1"}) {
				t.Errorf("admissionReviewVersions %q", entry.AdmissionReviewVersions)
			}
			wantRules := []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule: admissionregistrationv1.Rule{
					APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"persistentvolumeclaims"},
					Scope: ptr.To(admissionregistrationv1.NamespacedScope),
				},
			}}
			if !reflect.DeepEqual(entry.Rules, wantRules) {
				t.Errorf("rules %+v", entry.Rules)
			}
			if service := entry.ClientConfig.Service; service == nil || ptr.Deref(service.Path, "") != "/mutate-pvc" {
				t.Errorf("clientConfig %+v", entry.ClientConfig)
			}
		})
	}
}

// The creator must read our reason, and not that the webhook timed out.
func TestManifestWaitsLongerThanTheHandler(t *testing.T) {
	var takes time.Duration
	s := siteOf()
	s.cachedFaults = onRead("", func(ctx context.Context) error {
		if until, ok := ctx.Deadline(); ok {
			takes = max(takes, time.Until(until))
		}
		return nil
	})
	s.ask(t, recorded(t, strimziReview))
	if takes == 0 {
		t.Fatal("the handler has no deadline")
	}
	for name, entry := range entries(t) {
		seconds := ptr.Deref(entry.TimeoutSeconds, 10)
		if seconds > 5 || time.Duration(seconds)*time.Second <= takes+time.Second/2 {
			t.Errorf("%s waits %d s, the handler takes up to %s", name, seconds, takes)
		}
	}
}

// A claim with a source or a volume of its own is not sent to the webhook.
func TestManifestLeavesChosenClaimsOut(t *testing.T) {
	for name, entry := range entries(t) {
		if len(entry.MatchConditions) != 1 {
			t.Errorf("%s has %d match conditions", name, len(entry.MatchConditions))
			continue
		}
		got := strings.Fields(strings.ReplaceAll(entry.MatchConditions[0].Expression, "&&", " "))
		slices.Sort(got)
		want := []string{"!has(object.spec.dataSource)", "!has(object.spec.dataSourceRef)", "!has(object.spec.selector)", "!has(object.spec.volumeName)"}
		if !slices.Equal(got, want) {
			t.Errorf("%s: match condition %q, want %q", name, got, want)
		}
	}
}

func TestManifestNamespaces(t *testing.T) {
	for name, entry := range entries(t) {
		selector := parsed(t, entry.NamespaceSelector)
		for value, want := range map[string]bool{"": name != snapshots.EntrySelector, "true": true, "off": false} {
			set := labels.Set{}
			if value != "" {
				set[v1alpha1.LabelIntercept] = value
			}
			if got := selector.Matches(set); got != want {
				t.Errorf("%s, namespace with %s=%q: asked %t, want %t", name, v1alpha1.LabelIntercept, value, got, want)
			}
		}
	}
}

// The selector's entry sends every claim of its namespaces: the configuration cannot
// know which labels a volumeSelector matches.
func TestManifestSelectorEntryAsksAboutAll(t *testing.T) {
	if selector := entries(t)[snapshots.EntrySelector].ObjectSelector; selector != nil {
		t.Errorf("only claims with %v are asked about", selector)
	}
}
