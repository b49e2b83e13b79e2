package snapshots

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// defaultPromoteAfter is the age at which the data of an empty-born volume counts
// as good, unless its KafkaBackup sets another one.
const defaultPromoteAfter = 24 * time.Hour

// Lineage is one life of a volume's data. A claim that was provisioned empty
// starts a new lineage. A claim that was restored, cloned or bound to the same
// volumeHandle continues the lineage of its source.
//
// A lineage is proven when it surely holds the volume's data: it is the first
// one, it continues another, it has lived for promoteAfter, or a person promoted
// it. An unproven lineage, such as that of a broker that came back empty by
// mistake, never outranks a proven one.
type Lineage struct {
	ID     string
	Proven bool
}

// LineageOf returns the lineage that a bound claim's volume is in now, given all
// snapshots of that volume.
func LineageOf(pvc *corev1.PersistentVolumeClaim, pv *corev1.PersistentVolume, all []Snapshot, promoteAfter time.Duration, now time.Time) Lineage {
	own := Lineage{ID: string(pvc.UID)}
	source := SourceOf(pvc)
	for i := range all {
		s := &all[i]
		if s.SourcePVCUID == string(pvc.UID) || sameHandle(s, pv) || source != "" && s.Name == source {
			own.ID = s.Lineage.ID
			own.Proven = own.Proven || s.Lineage.Proven
		}
	}
	others := false
	for i := range all {
		if of := &all[i].Lineage; of.ID == own.ID {
			own.Proven = own.Proven || of.Proven
		} else {
			others = true
		}
	}
	own.Proven = own.Proven || !others || Filled(pvc) || pvc.Annotations[v1alpha1.AnnotationPromote] == v1alpha1.ValueTrue ||
		now.Sub(pvc.CreationTimestamp.Time) >= promoteAfter
	return own
}

func sameHandle(s *Snapshot, pv *corev1.PersistentVolume) bool {
	return pv.Spec.CSI != nil && pv.Spec.CSI.VolumeHandle != "" && s.Annotations[v1alpha1.AnnotationVolumeHandle] == pv.Spec.CSI.VolumeHandle &&
		s.Driver == pv.Spec.CSI.Driver
}

// lineages is a set of the lineages of a volume, of which there are few.
type lineages []string

func (l lineages) has(id string) bool { return slices.Contains(l, id) }

func (l lineages) with(id string) lineages {
	if l.has(id) {
		return l
	}
	return append(l, id)
}

// provenLineages returns the lineages that are proven. One proven snapshot proves
// its whole lineage.
func provenLineages(all []Snapshot) (proven lineages) {
	for i := range all {
		if of := &all[i].Lineage; of.Proven {
			proven = proven.with(of.ID)
		}
	}
	return proven
}

// InProvenLineage reports whether the lineage of a snapshot is proven by one of the
// snapshots of its volume that can be restored. It copies none of them: a volume may
// have thousands.
func InProvenLineage(s Snapshot, all []Snapshot) bool {
	for i := range all {
		if o := &all[i]; o.Lineage.Proven && o.Lineage.ID == s.Lineage.ID && o.unrestorable() == "" {
			return true
		}
	}
	return false
}

// Unpromoted returns the snapshot to mark as proven after its lineage was proven:
// the newest candidate of the lineage. It reports false if one is marked already,
// or if no snapshot of the lineage was taken yet.
func Unpromoted(all []Snapshot, lineage string) (Snapshot, bool) {
	if contains(all, func(s *Snapshot) bool { return s.Lineage.Proven && s.Lineage.ID == lineage && s.unrestorable() == "" }) {
		return Snapshot{}, false
	}
	candidates := Candidates(all)
	i := slices.IndexFunc(candidates, func(s Snapshot) bool { return s.Lineage.ID == lineage })
	if i < 0 {
		return Snapshot{}, false
	}
	return candidates[i], true
}
