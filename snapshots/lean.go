package snapshots

import (
	"maps"
	"slices"
	"unique"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// share returns the snapshot with what [Snapshot.Share] shares with another one of its
// volume.
func (s Snapshot) share(others []Snapshot) Snapshot {
	if len(others) == 0 {
		return s
	}
	return s.Share(&others[len(others)-1])
}

// Share returns the snapshot with its annotations and size shared with another
// one where they are equal, to save memory.
func (s Snapshot) Share(like *Snapshot) Snapshot {
	if maps.Equal(s.Annotations, like.Annotations) {
		s.Annotations = like.Annotations
	}
	if s.Size != nil && like.Size != nil && s.Size.Cmp(*like.Size) == 0 {
		s.Size = like.Size
	}
	return s
}

// Lean returns the snapshot with only the fields that decisions read.
func (s Snapshot) Lean() Snapshot {
	s = s.trim(decisive)
	s.Failure = ""
	return s
}

// Watched returns the snapshot with only the fields that the scheduler reads: those
// of decisions, the reports of drills, whether it carries what Kafka said, and what a
// guarded write needs.
func (s Snapshot) Watched() Snapshot {
	return s.trim(decisive, watched)
}

// trim returns the snapshot with only these annotations, and with its texts shared
// with other snapshots.
func (s Snapshot) trim(kept ...[]string) Snapshot {
	annotations := map[string]string{}
	for _, keys := range kept {
		for _, key := range keys {
			value, ok := s.Annotations[key]
			switch {
			case !ok:
			case slices.Contains(long, key):
				annotations[key] = v1alpha1.ValueTrue
			default:
				annotations[key] = intern(cut(value, maxKept))
			}
		}
	}
	s.Annotations = annotations
	s.plain = !slices.ContainsFunc(marks, func(key string) bool { _, ok := annotations[key]; return ok })
	s.Volume, s.Role, s.Node = intern(s.Volume), intern(s.Role), intern(s.Node)
	s.Lineage.ID = intern(s.Lineage.ID)
	s.SourcePVC, s.SourcePVCUID = intern(s.SourcePVC), intern(s.SourcePVCUID)
	s.Driver, s.VolumeMode = intern(s.Driver), intern(s.VolumeMode)
	s.Class, s.Failure = intern(s.Class), intern(s.Failure)
	return s
}

func intern[T ~string](s T) T { return unique.Make(s).Value() }

// marks are annotations that few snapshots have, and that are asked for often.
var marks = []string{
	v1alpha1.AnnotationHold, v1alpha1.AnnotationRestoreNext, v1alpha1.AnnotationAbandoned, v1alpha1.AnnotationPruning, v1alpha1.AnnotationAdopt,
	v1alpha1.AnnotationStartEmptyUntil, v1alpha1.AnnotationRestoring, v1alpha1.AnnotationVerified, v1alpha1.AnnotationDrillFailed,
	v1alpha1.AnnotationKafkaObserved, v1alpha1.AnnotationKafkaLastObserved,
}

// decisive are the annotations of a snapshot that decisions read from it.
var decisive = func() []string {
	keys := []string{
		v1alpha1.AnnotationClusterName, v1alpha1.AnnotationBackupName, v1alpha1.AnnotationSourcePV, v1alpha1.AnnotationClusterUID, v1alpha1.AnnotationKafkaClusterID,
		v1alpha1.AnnotationPruning, v1alpha1.AnnotationAbandoned, v1alpha1.AnnotationRestoreNext, v1alpha1.AnnotationStartEmptyUntil,
		v1alpha1.AnnotationAdopt, v1alpha1.AnnotationSlot, v1alpha1.AnnotationRestoring, v1alpha1.AnnotationVolumeHandle,
	}
	for _, c := range controls {
		keys = append(keys, c.annotation)
	}
	return keys
}()

// watched are the annotations that only the scheduler reads.
var watched = append([]string{v1alpha1.AnnotationVerified, v1alpha1.AnnotationDrillFailed}, long...)
