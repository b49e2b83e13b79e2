package tests

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// Without the webhook's pods, but with its configuration, claims are refused.
func TestUninstallDeletesTheWebhookConfigurationFirst(t *testing.T) {
	objects, _ := manifests(t, "monitoring: {enabled: true}\nnetworkPolicy: {enabled: true}", releaseutil.UninstallOrder)
	if first := objects[0].key(); first != "MutatingWebhookConfiguration /snapback" {
		t.Errorf("first goes %s", first)
	}
	objects, _ = manifests(t, "", releaseutil.InstallOrder)
	if slices.IndexFunc(objects, isKind("MutatingWebhookConfiguration")) < slices.IndexFunc(objects, isKind("Deployment")) {
		t.Error("claims are refused before there is a Deployment")
	}
}

func isKind(kind string) func(object) bool { return func(o object) bool { return o["kind"] == kind } }

func TestUninstallKeepsTheCRD(t *testing.T) {
	objects, _ := manifests(t, "", releaseutil.UninstallOrder)
	crd := find(t, objects, "CustomResourceDefinition", "kafkabackups.snapback.dev")
	u := unstructured.Unstructured{Object: crd}
	if got := u.GetAnnotations()["helm.sh/resource-policy"]; got != "keep" {
		t.Errorf("resource-policy %q: all KafkaBackups would go with the release", got)
	}
}

// "kubectl delete" with the selector of the docs leaves the CRD and nothing else.
func TestUninstallWithKustomizeKeepsTheCRD(t *testing.T) {
	const selector, doc = "app.kubernetes.io/component!=crd", "../../docs/install.md"
	content, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), " -l "+selector) {
		t.Errorf("%s does not say -l %s", doc, selector)
	}
	deleted, err := labels.Parse(selector)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range kustomize(t, []string{"cert-manager", "monitoring"}) {
		u := unstructured.Unstructured{Object: o}
		if got, want := deleted.Matches(labels.Set(u.GetLabels())), u.GetKind() != "CustomResourceDefinition"; got != want {
			t.Errorf("%s: deleted %t", o.key(), got)
		}
	}
}

// Each value changes what is installed, and says so when it is wrong.
func TestValues(t *testing.T) {
	tests := []struct{ value, good, bad string }{
		{"image.repository", "image: {repository: registry.example.com/other}", "image: {repository: 'registry.example.com/snapback:1.0'}"},
		{"image.tag", "image: {repository: x, tag: v1}", "image: {repository: x, tag: 1.0}"},
		{"image.digest", "image: {repository: x, digest: 'sha256:" + strings.Repeat("0", 64) + "'}", "image: {repository: x, digest: abc}"},
		{"image.pullPolicy", "image: {repository: x, pullPolicy: Always}", "image: {repository: x, pullPolicy: always}"},
		{"image.pullSecrets", "image: {repository: x, pullSecrets: [a]}", "image: {repository: x, pullSecrets: [{name: a}]}"},
		{"replicas", "replicas: 3", "replicas: 0"},
		{"webhook.resources", "webhook: {resources: {requests: {cpu: 1}}}", "webhook: {resource: {}}"},
		{"scheduler.resources", "scheduler: {resources: {requests: {cpu: 1}}}", "scheduler: {resource: {}}"},
		{"keepContents", "keepContents: true", "keepContents: 'yes'"},
		{"history.configMaps", "history: {configMaps: false}", "history: {configMaps: 'no'}"},
		{"drills.enabled", "drills: {enabled: true}", "drills: {enabled: 'yes'}"},
		{"drills.parallel", "drills: {enabled: true, parallel: 4}", "drills: {parallel: 0}"},
		{"drills.resources", "drills: {enabled: true, resources: {requests: {cpu: 1}}}", "drills: {resource: {}}"},
		{"logLevel", "logLevel: debug", "logLevel: verbose"},
		{"certs.mode", "certs: {mode: self-signed}", "certs: {mode: letsencrypt}"},
		{"certs.caBundle", "certs: {mode: secret, caBundle: YQ==}", "certs: {mode: secret}"},
		{"failurePolicy", "failurePolicy: Ignore", "failurePolicy: ignore"},
		{"webhookAnnotations", "webhookAnnotations: {a: b}", "webhookAnnotations: {a: 1}"},
		{"priorityClassName", "priorityClassName: system-cluster-critical", "priorityClassName: 1"},
		{"podAnnotations", "podAnnotations: {a: b}", "podAnnotations: {a: true}"},
		{"podLabels", "podLabels: {a: b}", "podLabels: {a: true}"},
		{"nodeSelector", "nodeSelector: {a: b}", "nodeSelector: [a]"},
		{"tolerations", "tolerations: [{operator: Exists}]", "tolerations: {operator: Exists}"},
		{"affinity", "affinity: {nodeAffinity: {}}", "affinity: []"},
		{"metrics.secure", "metrics: {secure: true}", "metrics: {secure: 'yes'}"},
		{"tracing.endpoint", "tracing: {endpoint: " + collector + "}", "tracing: {endpoint: 'otel-collector:4318'}"},
		{"tracing.protocol", "tracing: {endpoint: " + collector + ", protocol: grpc}", "tracing: {protocol: http}"},
		{"tracing.sampling", "tracing: {endpoint: " + collector + ", sampling: 0.1}", "tracing: {sampling: 10}"},
		{"tracing.headersSecret", "tracing: {endpoint: " + collector + ", headersSecret: token}", "tracing: {headersSecret: [token]}"},
		{"monitoring.enabled", "monitoring: {enabled: true}", "monitoring: {enabled: 'yes'}"},
		{"monitoring.labels", "monitoring: {enabled: true, labels: {a: b}}", "monitoring: {labels: [a]}"},
		{"networkPolicy.enabled", "networkPolicy: {enabled: true}", "networkPolicy: true"},
		{"networkPolicy.apiServerPorts", "networkPolicy: {enabled: true, apiServerPorts: [8443]}", "networkPolicy: {apiServerPorts: []}"},
		{"crds.install", "crds: {install: false}", "crds: {instal: false}"},
	}
	unknown := leaves(loadChart(t).Values, "")
	for _, test := range tests {
		delete(unknown, test.value)
		t.Run(test.value, func(t *testing.T) {
			const image = "image: {repository: x}\n"
			full := func(values string) string {
				if strings.HasPrefix(values, "image:") {
					return values
				}
				return image + values
			}
			usual, err := template(t, baseline(test.value))
			if err != nil {
				t.Fatal(err)
			}
			changed, err := template(t, full(test.good))
			if err != nil {
				t.Fatal(err)
			}
			if reflect.DeepEqual(usual, changed) {
				t.Errorf("%s changes nothing", test.good)
			}
			if _, err := template(t, full(test.bad)); err == nil {
				t.Errorf("%s is not refused", test.bad)
			} else if name := strings.Split(test.value, ".")[0]; !strings.Contains(err.Error(), name) {
				t.Errorf("%s: the error does not name %s: %v", test.bad, name, err)
			}
		})
	}
	for value := range unknown {
		t.Errorf("no test changes %s", value)
	}
}

// baseline is what a value is compared with: all that it needs is switched on.
func baseline(value string) string {
	text := "image: {repository: x}\n"
	switch value {
	case "monitoring.labels":
		text += "monitoring: {enabled: true}\n"
	case "drills.parallel", "drills.resources":
		text += "drills: {enabled: true}\n"
	case "tracing.protocol", "tracing.sampling", "tracing.headersSecret":
		text += "tracing: {endpoint: " + collector + "}\n"
	case "networkPolicy.apiServerPorts":
		text += "networkPolicy: {enabled: true}\n"
	case "certs.caBundle":
		text += "certs: {mode: secret, caBundle: Yg==}\n"
	}
	return text
}

// leaves are the paths of values that the schema does not divide further.
func leaves(values map[string]any, prefix string) map[string]bool {
	all := map[string]bool{}
	for k, v := range values {
		path := prefix + k
		if inner, ok := v.(map[string]any); ok && len(inner) > 0 && k != "resources" {
			maps.Copy(all, leaves(inner, path+"."))
			continue
		}
		all[path] = true
	}
	return all
}

// The schema and values.yaml know the same values.
func TestSchemaIsComplete(t *testing.T) {
	content, err := os.ReadFile("../helm/values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	type schema struct{ Properties map[string]json.RawMessage }
	var walk func(raw json.RawMessage, values map[string]any, at string)
	walk = func(raw json.RawMessage, values map[string]any, at string) {
		var s schema
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatal(err)
		}
		if len(s.Properties) == 0 {
			return // not divided further
		}
		delete(s.Properties, "global") // of a parent chart
		want, got := slices.Sorted(maps.Keys(values)), slices.Sorted(maps.Keys(s.Properties))
		if !slices.Equal(got, want) {
			t.Errorf("%s: values %q, schema %q", at, want, got)
		}
		for name, inner := range s.Properties {
			if below, ok := values[name].(map[string]any); ok {
				walk(inner, below, at+"."+name)
			}
		}
	}
	walk(content, loadChart(t).Values, "values")
}

func TestImage(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	for values, want := range map[string]string{
		"image: {repository: registry.example.com/snapback}":                                    "registry.example.com/snapback:dev",
		"image: {repository: 'registry.example.com:5000/snapback', tag: '1.0'}":                 "registry.example.com:5000/snapback:1.0",
		"image: {repository: registry.example.com/snapback, tag: v1, digest: '" + digest + "'}": "registry.example.com/snapback@" + digest,
	} {
		files, err := template(t, values)
		if err != nil {
			t.Error(err)
			continue
		}
		if text := files["snapback/templates/deployment.yaml"]; strings.Count(text, "image: "+want+"\n") != 2 {
			t.Errorf("%s: image %s is not both containers'", values, want)
		}
	}
	if _, err := template(t, ""); err == nil || !strings.Contains(err.Error(), "image.repository: say where you pushed the image") {
		t.Errorf("without an image: %v", err)
	}
}
