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

// configMapSpec is the key of the spec in the data of a ConfigMap that holds a
// KafkaBackup.
const configMapSpec = "spec"

// KafkaBackupOfConfigMap returns the KafkaBackup that a ConfigMap holds. It has
// the metadata and kind of the ConfigMap, so that Events are recorded on that,
// and a generation computed from the spec. The error is the one that the
// apiserver would give for such a KafkaBackup, by the rules of the CRD. The
// KafkaBackup is then good for as much as [NewBackup] says.
func KafkaBackupOfConfigMap(cm *corev1.ConfigMap) (*v1alpha1.KafkaBackup, error) {
	kb, mistake := withoutStatus(cm)
	// Snapback did not write a status that cannot be read: it starts again empty.
	status := cm.Annotations[v1alpha1.AnnotationStatus]
	if len(status) > maxStatus || anchor.MatchString(status) || yaml.Unmarshal([]byte(status), &kb.Status) != nil {
		kb.Status = v1alpha1.KafkaBackupStatus{}
	}
	return kb, mistake
}

// withoutStatus is [KafkaBackupOfConfigMap] without the status.
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
		return kb, fmt.Errorf("data.%s: must not have a YAML anchor (& before a name): put the text in quotes if it is not one", configMapSpec)
	}
	if err := yaml.UnmarshalStrict([]byte(text), &kb.Spec); err != nil {
		kb.Spec = v1alpha1.KafkaBackupSpec{}
		_ = yaml.Unmarshal([]byte(text), &kb.Spec) // keep the part that can be read
		return kb, fmt.Errorf("data.%s: %w", configMapSpec, told(err))
	}
	return kb, nil
}

var configMapKind = metav1.TypeMeta{APIVersion: corev1.SchemeGroupVersion.String(), Kind: "ConfigMap"}

// IsConfigMap reports whether a ConfigMap holds the KafkaBackup.
func IsConfigMap(kb *v1alpha1.KafkaBackup) bool { return kb.Kind == configMapKind.Kind }

// BackupOfConfigMap parses the KafkaBackup that a ConfigMap holds, as
// [NewBackup] does. An error of the CRD's rules comes first and alone: it names
// each field, and no field should be reported twice.
func BackupOfConfigMap(cm *corev1.ConfigMap) (Backup, error) {
	kb, mistake := withoutStatus(cm)
	b, err := NewBackup(kb)
	return b, cmp.Or(mistake, err)
}

// UncheckedBackup parses the KafkaBackup that a ConfigMap holds, whatever mistakes
// it has. The webhook reads ConfigMaps so, since it reports no mistakes: checking
// the rules of the CRD costs many times more than reading, and a tenant decides
// how often a ConfigMap changes.
func UncheckedBackup(cm *corev1.ConfigMap) Backup {
	kb, _ := unchecked(cm)
	b, _ := NewBackup(kb)
	return b
}

// Together returns the KafkaBackups of both forms. A ConfigMap with the name of a
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

// WithStatus returns a copy of the ConfigMap with the status of its KafkaBackup
// written into an annotation.
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

// generation returns a generation for a ConfigMap, which has none of its own:
// another spec gives another number. It is small enough for every JSON reader.
func generation(spec string) int64 {
	const bits = 48
	h := fnv.New64a()
	_, _ = h.Write([]byte(spec)) // never fails
	return int64(h.Sum64()>>(64-bits)) + 1
}
