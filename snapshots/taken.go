package snapshots

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// A snapshot is asked for by the name of a claim. If that claim is replaced before the
// storage takes the snapshot, the storage takes it of the claim that has the name then,
// whose volume may be empty. What the run has stamped would then be wrong. The
// VolumeSnapshotContent says which volume it was, see package contents.

// Origin is the volume that a snapshot was taken of.
type Origin struct {
	Handle   string // the driver's name of the volume
	PV       string // empty: unknown
	ClaimUID string // empty: unknown
	Lineage  Lineage
}

// IsOfAnother reports whether the volume with this handle is another than the one that
// the snapshot says it is of. An empty handle is unknown.
func (s *Snapshot) IsOfAnother(handle string) bool {
	said := s.Annotations[v1alpha1.AnnotationVolumeHandle]
	return said != "" && handle != "" && said != handle
}

// OriginOf returns what the snapshots of its volume say about the handle that a snapshot
// was taken of. If none knows it, the data is in a lineage of its own that is not
// proven: it may be that of a volume which came back empty.
func (s *Snapshot) OriginOf(handle string, all []Snapshot) Origin {
	for i := range all {
		if o := &all[i]; o.UID != s.UID && o.Driver == s.Driver && o.Annotations[v1alpha1.AnnotationVolumeHandle] == handle {
			return Origin{Handle: handle, PV: o.Annotations[v1alpha1.AnnotationSourcePV], ClaimUID: o.SourcePVCUID, Lineage: o.Lineage}
		}
	}
	return Origin{Handle: handle, Lineage: Lineage{ID: handle}}
}

// Annotations are those of a snapshot of this origin. A nil value removes one.
func (o Origin) Annotations() map[string]any {
	known := func(value string) any {
		if value == "" {
			return nil
		}
		return value
	}
	return map[string]any{
		v1alpha1.AnnotationVolumeHandle: o.Handle,
		v1alpha1.AnnotationSourcePV:     known(o.PV),
		v1alpha1.AnnotationSourcePVCUID: known(o.ClaimUID),
		v1alpha1.AnnotationLineage:      o.Lineage.ID,
		v1alpha1.AnnotationProven:       strconv.FormatBool(o.Lineage.Proven),
	}
}

// TakenOf returns the snapshot as it is once its annotations say of which origin it is.
func (s Snapshot) TakenOf(o Origin) Snapshot {
	s.Lineage, s.SourcePVCUID = o.Lineage, o.ClaimUID
	s.Annotations = maps.Clone(s.Annotations)
	s.Annotations[v1alpha1.AnnotationVolumeHandle] = o.Handle
	if s.Annotations[v1alpha1.AnnotationSourcePV] = o.PV; o.PV == "" {
		delete(s.Annotations, v1alpha1.AnnotationSourcePV)
	}
	return s
}

// settled is how long after a run, a create and a cut the scheduler has surely seen of which
// volume a snapshot was taken, if it works.
const settled = 5 * time.Minute

// JustTaken reports whether the scheduler may not have seen yet of which volume the
// snapshot was taken.
func (s *Snapshot) JustTaken(now time.Time) bool {
	return now.Sub(s.Cut) < settled || now.Sub(s.Created) < settled || now.Sub(s.Scheduled) < settled
}

// LooksAfter reports whether the KafkaBackup of a snapshot is still there. If not, the
// scheduler does not correct what the snapshot says.
func (c Cluster) LooksAfter(s *Snapshot) bool {
	return slices.ContainsFunc(c.Backups, func(b Backup) bool { return b.Name == s.Annotations[v1alpha1.AnnotationBackupName] })
}

// slowCut is how long after its creation a snapshot is cut that did not hold up the next
// one of its claim. It leaves room for the clock of the storage.
const slowCut = 12 * time.Hour

// Doubtful returns the snapshots of a KafkaBackup that may have been taken of another
// claim than they say. live holds the UIDs of the live claims: what says that it is of
// one of them is. Of those of a claim that is gone, only the last one can be of its
// successor: the next one is created when the one before it is ready, as a rule.
func Doubtful(own []Snapshot, live map[string]bool) []Snapshot {
	var found []Snapshot
	last := map[string]*Snapshot{} // by the claim's UID
	certain := false               // of all that are of the same claim
	for i := range own {
		s := &own[i]
		if i == 0 || s.SourcePVCUID != own[i-1].SourcePVCUID {
			certain = s.SourcePVCUID == "" || live[s.SourcePVCUID]
		}
		switch uid := s.SourcePVCUID; {
		case certain || s.Cut.IsZero() || s.Imported || s.Deleting:
		case s.Cut.Sub(s.Created) >= slowCut:
			found = append(found, *s)
		case last[uid] == nil || s.Created.After(last[uid].Created):
			last[uid] = s
		}
	}
	for _, s := range last {
		found = append(found, *s)
	}
	slices.SortFunc(found, func(a, b Snapshot) int { return cmp.Compare(a.Name, b.Name) })
	return found
}
