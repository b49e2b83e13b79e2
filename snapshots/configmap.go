package snapshots

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/api/validation"
)

// configMapSpec is the key of such a ConfigMap's data.
const configMapSpec = "spec"

// KafkaBackupOfConfigMap reads the KafkaBackup that a ConfigMap holds. It has
// the ConfigMap's metadata and kind, by which Events find it, and a generation
// made of the spec. The error says what the apiserver would have said of such a
// KafkaBackup, by the rules of the CRD; the KafkaBackup is then good for what
// [NewBackup] says.
func KafkaBackupOfConfigMap(cm *corev1.ConfigMap) (*v1alpha1.KafkaBackup, error) {
	kb, mistake := withoutStatus(cm)
	// What cannot be read was not written by Snapback: the status starts anew.
	status := cm.Annotations[v1alpha1.AnnotationStatus]
	if len(status) > maxStatus || anchor.MatchString(status) || yaml.Unmarshal([]byte(status), &kb.Status) != nil {
		kb.Status = v1alpha1.KafkaBackupStatus{}
	}
	return kb, mistake
}

// withoutStatus is [KafkaBackupOfConfigMap] for who does not need the status.
func withoutStatus(cm *corev1.ConfigMap) (*v1alpha1.KafkaBackup, error) {
	kb, mistake := unchecked(cm)
	if mistake != nil {
		return kb, mistake
	}
	return kb, validation.Spec(&kb.Spec)
}

// unchecked is withoutStatus before the rules of the CRD are asked. The error is
// why the spec cannot be read.
func unchecked(cm *corev1.ConfigMap) (*v1alpha1.KafkaBackup, error) {
	kb := &v1alpha1.KafkaBackup{
		TypeMeta:   configMapKind,
		ObjectMeta: *cm.ObjectMeta.DeepCopy(),
	}
	delete(kb.Annotations, v1alpha1.AnnotationStatus)
	text, ok := cm.Data[configMapSpec]
	kb.Generation = generation(text)
	switch {
	case !ok:
		return kb, fmt.Errorf("data.%s: must hold the spec of a KafkaBackup, as YAML", configMapSpec)
	case len(text) > maxSpec:
		return kb, fmt.Errorf("data.%s: must have at most %d bytes", configMapSpec, maxSpec)
	case anchor.MatchString(text):
		return kb, fmt.Errorf("data.%s: must not have an anchor, as & before a name is in YAML: quote the text if it is none", configMapSpec)
	}
	if err := yaml.UnmarshalStrict([]byte(text), &kb.Spec); err != nil {
		kb.Spec = v1alpha1.KafkaBackupSpec{}
		_ = yaml.Unmarshal([]byte(text), &kb.Spec) // as much of it as can be read
		return kb, fmt.Errorf("data.%s: %w", configMapSpec, told(err))
	}
	return kb, nil
}

var configMapKind = metav1.TypeMeta{APIVersion: corev1.SchemeGroupVersion.String(), Kind: "ConfigMap"}

// IsConfigMap reports whether a KafkaBackup is held by a ConfigMap.
func IsConfigMap(kb *v1alpha1.KafkaBackup) bool { return kb.Kind == configMapKind.Kind }

// BackupOfConfigMap parses the KafkaBackup that a ConfigMap holds, as
// [NewBackup] does. The error is that of the CRD's rules, if there is one: it
// names each field, and a field must not be told of twice.
func BackupOfConfigMap(cm *corev1.ConfigMap) (Backup, error) {
	kb, mistake := withoutStatus(cm)
	b, err := NewBackup(kb)
	return b, cmp.Or(mistake, err)
}

// UncheckedBackup parses the KafkaBackup that a ConfigMap holds, whatever mistakes
// it has. It is for who does not tell them: the rules of the CRD cost many times
// what reading does, and who writes a ConfigMap chooses how often they are asked.
func UncheckedBackup(cm *corev1.ConfigMap) Backup {
	kb, _ := unchecked(cm)
	b, _ := NewBackup(kb)
	return b
}

// Together are the KafkaBackups of both forms. A ConfigMap with the name of a
// KafkaBackup does not count.
func Together[T any](kafkaBackups, configMaps []T, key func(T) types.NamespacedName) []T {
	all := make([]T, 0, len(kafkaBackups)+len(configMaps))
	taken := map[types.NamespacedName]bool{}
	for _, b := range kafkaBackups {
		all = append(all, b)
		taken[key(b)] = true
	}
	for _, b := range configMaps {
		if !taken[key(b)] {
			all = append(all, b)
		}
	}
	return all
}

// WithStatus is the ConfigMap with the status of its KafkaBackup written on
// it.
func WithStatus(cm *corev1.ConfigMap, status v1alpha1.KafkaBackupStatus) (*corev1.ConfigMap, error) {
	text, err := yaml.Marshal(status)
	if err != nil {
		return nil, fmt.Errorf("write the status of configmap %s/%s as YAML: %w", cm.Namespace, cm.Name, err)
	}
	patched := cm.DeepCopy()
	patched.Annotations = maps.Clone(cm.Annotations)
	if patched.Annotations == nil {
		patched.Annotations = map[string]string{}
	}
	patched.Annotations[v1alpha1.AnnotationStatus] = string(text)
	return patched, nil
}

// generation stands in for the one that a ConfigMap lacks: another spec has
// another. It is one that every reader of JSON can hold.
func generation(spec string) int64 {
	const bits = 48
	h := fnv.New64a()
	_, _ = h.Write([]byte(spec)) // never fails
	return int64(h.Sum64()>>(64-bits)) + 1
}
