package snapshots

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Pinned reports whether people chose the snapshot that a claim was restored
// from, so that it need not be the newest good one. Nobody chose to leave out a
// newer one that was only not ready: it remains as good as it was.
//
// Operators may have removed the webhook's annotations from the claim. Then three
// facts decide that no operator removes: the pin on the source, a pin in force,
// and the owner of the claim's dataSource. The creator owns the fields that it
// has set, but a field that a webhook adds has no owner. The claim must have its
// managedFields.
// Source: KEP-555; kube-apiserver, endpoints/handlers/create.go.
func Pinned(pvc *corev1.PersistentVolumeClaim, source Snapshot, policy Policy) bool {
	if _, pinned := pvc.Annotations[v1alpha1.AnnotationRestoredBy]; pinned || source.marked(v1alpha1.AnnotationRestoreNext) {
		return true
	}
	if _, given := pvc.Annotations[v1alpha1.AnnotationRestoredFrom]; given {
		return false
	}
	return policy[v1alpha1.AnnotationRestoreBefore] != "" || ownsSource(pvc)
}

// ownsSource reports whether a field manager has set the claim's source.
func ownsSource(pvc *corev1.PersistentVolumeClaim) bool {
	return slices.ContainsFunc(pvc.ManagedFields, func(m metav1.ManagedFieldsEntry) bool {
		if m.FieldsV1 == nil {
			return false
		}
		fields := m.FieldsV1.GetRawString()
		return strings.Contains(fields, `"f:dataSource"`) || strings.Contains(fields, `"f:dataSourceRef"`)
	})
}

// LeftAside returns the snapshots of a volume that a restore of the claim from
// source leaves aside: those from after the source and before the claim. It
// includes those that are not ready: they would be cut or become ready later.
func LeftAside(all []Snapshot, source Snapshot, pvc *corev1.PersistentVolumeClaim) []Snapshot {
	return slices.DeleteFunc(slices.Clone(all), func(s Snapshot) bool {
		return s.Volume != source.Volume || !s.Scheduled.After(source.Scheduled) || !s.Scheduled.Before(pvc.CreationTimestamp.Time) ||
			s.SourcePVCUID == string(pvc.UID) || s.Deleting || s.marked(v1alpha1.AnnotationAbandoned)
	})
}

// Answered returns the annotations of the snapshot that a restore from it has
// fulfilled: they must be removed from it.
func Answered(s Snapshot) (answered []string) {
	for _, annotation := range []string{v1alpha1.AnnotationRestoreNext, v1alpha1.AnnotationAbandoned} {
		if s.marked(annotation) {
			answered = append(answered, annotation)
		}
	}
	return answered
}

// Pins returns the annotations of the snapshot that decide about the next claim
// of its volume.
func (s *Snapshot) Pins(now time.Time) (pins []string) {
	if s.plain {
		return nil
	}
	if s.marked(v1alpha1.AnnotationRestoreNext) {
		pins = append(pins, v1alpha1.AnnotationRestoreNext)
	}
	if until, err := time.Parse(time.RFC3339, s.Annotations[v1alpha1.AnnotationStartEmptyUntil]); err == nil && now.Before(until) {
		pins = append(pins, v1alpha1.AnnotationStartEmptyUntil)
	}
	return pins
}
