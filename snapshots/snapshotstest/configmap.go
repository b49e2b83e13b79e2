package snapshotstest

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// ConfigMapOf returns the ConfigMap that holds a KafkaBackup.
func ConfigMapOf(kb *v1alpha1.KafkaBackup) *corev1.ConfigMap {
	spec, err := yaml.Marshal(kb.Spec)
	if err != nil {
		panic(err) // YAML can hold every spec
	}
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: kb.Namespace, Name: kb.Name, UID: kb.UID, CreationTimestamp: kb.CreationTimestamp,
			Annotations: kb.Annotations, Labels: map[string]string{"snapback.dev/kafkabackup": "true"}},
		Data: map[string]string{"spec": string(spec)},
	}
}
