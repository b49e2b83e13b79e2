package history

import (
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/record"
)

// configMap adds a version of a ConfigMap to the life of the KafkaBackup that it
// holds. Others have nothing to do with Snapback.
func (h *History) configMap(r record.Record) error {
	v, err := version[corev1.ConfigMap](r)
	if err != nil {
		return err
	}
	key := r.Object.Namespace + "/" + r.Object.Name
	life, known := h.Backups[key]
	if v.Object == nil && !known || v.Object != nil && v.Object.Labels[v1alpha1.LabelConfigMap] != v1alpha1.ValueTrue {
		return nil
	}
	if !known {
		life = &Life[v1alpha1.KafkaBackup]{}
		h.Backups[key] = life
	}
	*life = append(*life, Version[v1alpha1.KafkaBackup]{Seq: v.Seq, Revision: v.Revision, Time: v.Time, Object: heldBy(v.Object)})
	return nil
}

// heldBy is the KafkaBackup that a ConfigMap holds, as far as it can be read.
func heldBy(cm *corev1.ConfigMap) *v1alpha1.KafkaBackup {
	if cm == nil {
		return nil
	}
	kb := &v1alpha1.KafkaBackup{ObjectMeta: *cm.ObjectMeta.DeepCopy()}
	_ = yaml.Unmarshal([]byte(cm.Data["spec"]), &kb.Spec) // people can write anything
	_ = yaml.Unmarshal([]byte(cm.Annotations[v1alpha1.AnnotationStatus]), &kb.Status)
	delete(kb.Annotations, v1alpha1.AnnotationStatus)
	return kb
}
