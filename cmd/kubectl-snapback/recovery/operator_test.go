package recovery

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestIsKoperator(t *testing.T) {
	for image, want := range map[string]bool{
		"ghcr.io/banzaicloud/kafka-operator:v0.25.1":         true,
		"ghcr.io/adobe/koperator:0.28.0-adobe-20250101":      true,
		"registry.local:5000/mirror/koperator@sha256:0123":   true,
		"quay.io/strimzi/operator:0.45.0":                    false,
		"quay.io/strimzi/kafka-operator:0.45.0":              false,
		"docker.io/bitnami/kafka:4.0.0":                      false,
		"ghcr.io/grafana/mykafka-operators:1":                false,
		"docker.redpanda.com/redpandadata/redpanda-operator": false,
	} {
		d := &appsv1.Deployment{}
		d.Spec.Template.Spec.Containers = []corev1.Container{{Image: "quay.io/brancz/kube-rbac-proxy:v0.18.0"}, {Image: image}}
		if got := isKoperator(d); got != want {
			t.Errorf("%s: %t, want %t", image, got, want)
		}
	}
	labelled := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "kafka-operator"}}}
	if !isKoperator(labelled) {
		t.Error("labelled app=kafka-operator: not known")
	}
}

func TestTemplateOf(t *testing.T) {
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "kafka"}}
	set.Spec.VolumeClaimTemplates = []corev1.PersistentVolumeClaim{
		{ObjectMeta: metav1.ObjectMeta{Name: "data"}}, {ObjectMeta: metav1.ObjectMeta{Name: "data-1"}},
	}
	for claim, want := range map[string]string{
		"data-kafka-0": "data", "data-kafka-12": "data", "data-1-kafka-0": "data-1",
		"data-kafka-broker-0": "", "data-other-0": "", "data-kafka-": "", "data-kafka": "",
	} {
		got := ""
		if template := templateOf(set, claim); template != nil {
			got = template.Name
		}
		if got != want {
			t.Errorf("%s: template %q, want %q", claim, got, want)
		}
	}
}
