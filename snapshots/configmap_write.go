package snapshots

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// NewConfigMap returns the ConfigMap that holds a KafkaBackup: its name, labels,
// annotations and spec.
func NewConfigMap(kb *v1alpha1.KafkaBackup) (*corev1.ConfigMap, error) {
	spec, err := yaml.Marshal(kb.Spec)
	if err != nil {
		return nil, fmt.Errorf("write the spec of kafkabackup %s/%s as YAML: %w", kb.Namespace, kb.Name, err)
	}
	cm := &corev1.ConfigMap{
		TypeMeta:   configMapKind,
		ObjectMeta: metav1.ObjectMeta{Namespace: kb.Namespace, Name: kb.Name, Labels: map[string]string{v1alpha1.LabelConfigMap: v1alpha1.ValueTrue}, Annotations: kb.Annotations},
		Data:       map[string]string{configMapSpec: string(spec)},
	}
	for key, value := range kb.Labels {
		cm.Labels[key] = value
	}
	return cm, nil
}
