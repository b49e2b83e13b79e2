package history

import (
	"cmp"
	"slices"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Origin is the volume that a snapshot was taken of, by its VolumeSnapshotContent. If that
// is lost, external-snapshotter makes it again, of the volume that is there then.
type Origin struct {
	Revision int64  // since when
	Handle   string // of the volume; empty: unknown
	Claim    string // UID; of the volume's claim if that is known, else as the snapshot says
}

// findOrigins notes of which volumes the snapshots were taken. A snapshot says that too,
// but the run that creates it may be wrong.
func (h *History) findOrigins() {
	claims := map[string]string{} // UIDs, by the handle of the volume
	for _, life := range h.Volumes {
		for _, v := range *life {
			if pv := v.Object; pv != nil && pv.Spec.CSI != nil && pv.Spec.ClaimRef != nil && claims[pv.Spec.CSI.VolumeHandle] == "" {
				claims[pv.Spec.CSI.VolumeHandle] = string(pv.Spec.ClaimRef.UID)
			}
		}
	}
	for _, life := range h.contents {
		for _, v := range *life {
			if v.Object == nil {
				continue
			}
			s := h.snapshots[string(v.Object.Spec.VolumeSnapshotRef.UID)]
			if s != nil {
				s.content = *life
			}
			handle := ptr.Deref(v.Object.Spec.Source.VolumeHandle, "")
			if s == nil || handle == "" {
				continue
			}
			claim := claims[handle]
			if h.claims[claim] == nil {
				claim = s.said
			}
			s.origins = append(s.origins, Origin{v.Revision, handle, claim})
		}
	}
	for _, s := range h.Snapshots {
		slices.SortFunc(s.origins, func(a, b Origin) int { return cmp.Compare(a.Revision, b.Revision) })
	}
}

// OriginAt is the volume that a snapshot was of at a revision.
func (s *Snapshot) OriginAt(revision int64) Origin {
	at := Origin{Claim: s.said}
	for i, o := range s.origins {
		if i == 0 || o.Revision <= revision {
			at = o
		}
	}
	return at
}

// IsWrong reports whether a version of a snapshot that was in force at a revision says
// that it was taken of another volume than it was.
func (s *Snapshot) IsWrong(vs *snapshotv1.VolumeSnapshot, revision int64) bool {
	said, is := vs.Annotations[v1alpha1.AnnotationVolumeHandle], s.OriginAt(revision).Handle
	return said != "" && is != "" && said != is
}

// IsLost reports whether the content of a snapshot was gone at a revision, or made again
// without anything that the storage has taken for it.
func (s *Snapshot) IsLost(revision int64) bool {
	content := s.content.At(revision)
	if len(s.content) == 0 {
		return false // nothing is known of it
	}
	return content == nil || content.Status == nil || ptr.Deref(content.Status.SnapshotHandle, "") == ""
}

// Last is the last version of a snapshot that was there.
func (s *Snapshot) Last() Version[snapshotv1.VolumeSnapshot] {
	for _, v := range slices.Backward(s.Life) {
		if v.Object != nil {
			return v
		}
	}
	return s.Life[0]
}
