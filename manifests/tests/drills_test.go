package tests

import (
	"testing"

	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// The pod of the component drills answers no claim and serves no metrics: a Service
// must not send to it, and it must not count as a replica. The NetworkPolicy is for
// it, too.
func TestDrillsPodIsApart(t *testing.T) {
	objects, _ := manifests(t, "drills: {enabled: true}\nmonitoring: {enabled: true}\nnetworkPolicy: {enabled: true}", releaseutil.InstallOrder)
	drills := deploymentOf(t, objects, "snapback-drills")
	pod := labels.Set(drills.Spec.Template.Labels)
	main := deploymentOf(t, objects, "snapback")
	if !matches(t, drills.Spec.Selector, pod) || matches(t, drills.Spec.Selector, labels.Set(main.Spec.Template.Labels)) {
		t.Errorf("its Deployment selects %v", drills.Spec.Selector)
	}
	if matches(t, main.Spec.Selector, pod) {
		t.Error("the Deployment snapback takes it for its own")
	}
	for _, spread := range main.Spec.Template.Spec.TopologySpreadConstraints {
		if matches(t, spread.LabelSelector, pod) {
			t.Error("the spread of Snapback's replicas counts it")
		}
	}
	for _, o := range objects {
		switch o["kind"] {
		case "Service":
			selector, _, _ := unstructured.NestedStringMap(o, "spec", "selector")
			if labels.SelectorFromSet(selector).Matches(pod) {
				t.Errorf("%s sends to it", o.key())
			}
		case "PodDisruptionBudget":
			var pdb policyv1.PodDisruptionBudget
			into(t, o, &pdb)
			if matches(t, pdb.Spec.Selector, pod) {
				t.Errorf("%s counts it", o.key())
			}
		case "NetworkPolicy":
			var policy networkingv1.NetworkPolicy
			into(t, o, &policy)
			if !matches(t, &policy.Spec.PodSelector, pod) || !matches(t, &policy.Spec.PodSelector, labels.Set(main.Spec.Template.Labels)) {
				t.Errorf("%s is not for all pods of Snapback", o.key())
			}
		}
	}
}

func deploymentOf(t *testing.T, objects []object, name string) appsv1.Deployment {
	t.Helper()
	var d appsv1.Deployment
	into(t, find(t, objects, "Deployment", name), &d)
	return d
}

func into(t *testing.T, o object, typed any) {
	t.Helper()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o, typed, true); err != nil {
		t.Fatal(err)
	}
}

func matches(t *testing.T, selector *metav1.LabelSelector, pod labels.Set) bool {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return s.Matches(pod)
}
