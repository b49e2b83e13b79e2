package history

import (
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// findOrigins notes of which volume, and so of which claim, each snapshot was taken. A
// snapshot says that too, but the run that creates it may be wrong.
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
			handle := ptr.Deref(v.Object.Spec.Source.VolumeHandle, "")
			if s == nil || handle == "" {
				continue
			}
			s.Handle = handle
			if uid := claims[handle]; h.claims[uid] != nil {
				s.SourceUID = uid
			}
		}
	}
}

// IsWrong reports whether a version of a snapshot says that it was taken of another volume
// than it was.
func (s *Snapshot) IsWrong(vs *snapshotv1.VolumeSnapshot) bool {
	said := vs.Annotations[v1alpha1.AnnotationVolumeHandle]
	return said != "" && s.Handle != "" && said != s.Handle
}

// Last is the last version of a snapshot before it was gone; nil: none is known.
func (s *Snapshot) Last() *snapshotv1.VolumeSnapshot {
	for i := len(s.Life) - 1; i >= 0; i-- {
		if vs := s.Life[i].Object; vs != nil {
			return vs
		}
	}
	return nil
}
