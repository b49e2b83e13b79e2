// Package tests holds the two ways to install Snapback, kustomize and Helm,
// against each other and against a real apiserver.
package tests

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// ways are installations, said in both languages.
var ways = []struct {
	name       string
	components []string // of kustomize, after the base
	values     string   // of the chart, YAML
}{
	{"default", []string{"cert-manager"}, ""},
	{"self-signed", []string{"self-signed"}, "certs: {mode: self-signed}"},
	{"openshift", []string{"openshift"}, "certs: {mode: openshift}"},
	{"own certificate", nil, "certs: {mode: secret, caBundle: " + ca + "}"},
	{"fail open", []string{"cert-manager", "fail-open"}, "failurePolicy: Ignore"},
	{"fail open without cert-manager", []string{"self-signed", "fail-open"}, "certs: {mode: self-signed}\nfailurePolicy: Ignore"},
	{"monitored", []string{"cert-manager", "monitoring"}, "monitoring: {enabled: true}"},
	{"secure metrics", []string{"cert-manager", "secure-metrics"}, "metrics: {secure: true}"},
	{"monitored by secure metrics", []string{"cert-manager", "monitoring", "secure-metrics"}, "monitoring: {enabled: true}\nmetrics: {secure: true}"},
	{"network policy", []string{"cert-manager", "network-policy"}, "networkPolicy: {enabled: true}"},
	{"tracing", []string{"cert-manager", "tracing"}, "tracing: {endpoint: " + collector + "}"},
	{"drills", []string{"cert-manager", "drills"}, "drills: {enabled: true}"},
	{"all", []string{"openshift", "monitoring", "network-policy", "fail-open", "secure-metrics", "drills", "tracing"},
		"certs: {mode: openshift}\nmonitoring: {enabled: true}\nmetrics: {secure: true}\nnetworkPolicy: {enabled: true}\nfailurePolicy: Ignore\ndrills: {enabled: true}\ntracing: {endpoint: " + collector + "}"},
}

const ca = "YQ=="

const collector = "http://otel-collector.observability.svc:4318" // the one that the component names

// A cluster gets the same objects either way.
func TestHelmAndKustomizeAreTheSame(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			objects, _ := manifests(t, way.values, releaseutil.InstallOrder)
			helm := byKey(t, objects, ofHelm)
			kustomized := byKey(t, kustomize(t, way.components), ofKustomize)
			if diff := cmp.Diff(kustomized, helm); diff != "" {
				t.Errorf("kustomize (-), helm (+); was \"make chart\" forgotten?\n%s", diff)
			}
		})
	}
}

// byKey leaves out what ignore says, and changes what it changes.
func byKey(t *testing.T, objects []object, ignore func(object) bool) map[string]object {
	t.Helper()
	all := map[string]object{}
	for _, o := range objects {
		if ignore(o) {
			continue
		}
		if _, twice := all[o.key()]; twice {
			t.Errorf("%s is there twice", o.key())
		}
		all[o.key()] = o
	}
	return all
}

// ofHelm takes away what Helm adds, and adds the namespace that it implies.
func ofHelm(o object) bool {
	helms := []string{"helm.sh/chart", "app.kubernetes.io/instance", "app.kubernetes.io/version", "app.kubernetes.io/managed-by"}
	without(o, func(k string) bool { return slices.Contains(helms, k) }, "metadata", "labels")
	without(o, func(k string) bool { return k == "helm.sh/resource-policy" }, "metadata", "annotations")
	hooks, _, _ := unstructured.NestedSlice(o, "webhooks")
	for _, w := range hooks { // with kustomize, a CA is put in by hand afterwards
		without(w.(map[string]any), func(k string) bool { return k == "caBundle" }, "clientConfig")
	}
	if hooks != nil {
		_ = unstructured.SetNestedSlice(o, hooks, "webhooks") // it was one before
	}
	u := unstructured.Unstructured{Object: o}
	if u.GetNamespace() == "" && !slices.Contains(clusterScoped, u.GetKind()) {
		u.SetNamespace(namespace)
	}
	return false
}

var clusterScoped = []string{"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "MutatingWebhookConfiguration", "PriorityClass",
	"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}

// ofKustomize leaves out the Namespace, which Helm has from its command line.
func ofKustomize(o object) bool { return o["kind"] == "Namespace" }
