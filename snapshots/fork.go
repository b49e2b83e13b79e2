package snapshots

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Pinned reports whether people chose the snapshot that a claim was restored
// from, so that it need not be the newest good one. A newer one that was passed
// over for not being ready was nobody's choice: it remains as good as it was.
func Pinned(pvc *corev1.PersistentVolumeClaim) bool {
	_, given := pvc.Annotations[AnnotationRestoredFrom]
	_, pinned := pvc.Annotations[AnnotationRestoredBy]
	return !given || pinned
}

// LeftAside returns the snapshots of a volume that a restore of the claim from
// source goes back behind: from after the source and before the claim. Those
// that are not ready are among them: they would be cut or become ready later.
func LeftAside(all []Snapshot, source Snapshot, pvc *corev1.PersistentVolumeClaim) []Snapshot {
	return slices.DeleteFunc(slices.Clone(all), func(s Snapshot) bool {
		return s.Volume != source.Volume || !s.Scheduled.After(source.Scheduled) || !s.Scheduled.Before(pvc.CreationTimestamp.Time) ||
			s.SourcePVCUID == string(pvc.UID) || s.Deleting || s.marked(AnnotationAbandoned)
	})
}

// Answered are the annotations that a restore from the snapshot has
// answered: they are to be taken off it.
func Answered(s Snapshot) (answered []string) {
	for _, annotation := range []string{AnnotationRestoreNext, AnnotationAbandoned} {
		if s.marked(annotation) {
			answered = append(answered, annotation)
		}
	}
	return answered
}

// Pins names what the snapshot says about the next claim of its volume.
func (s Snapshot) Pins(now time.Time) (pins []string) {
	if s.marked(AnnotationRestoreNext) {
		pins = append(pins, AnnotationRestoreNext)
	}
	if until, err := time.Parse(time.RFC3339, s.Annotations[AnnotationStartEmptyUntil]); err == nil && now.Before(until) {
		pins = append(pins, AnnotationStartEmptyUntil)
	}
	return pins
}
