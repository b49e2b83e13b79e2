package check

import (
	"fmt"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/history"
)

// A snapshot of a restored claim is of the lineage of the snapshot that the claim was
// restored from.
var _ = register(Check{Name: "lineage", Run: func(h *history.History) []Violation {
	var found []Violation
	for _, s := range h.Snapshots {
		last := s.Last()
		of := h.ClaimOf(s.OriginAt(last.Revision).Claim)
		if of == nil || last.Object == nil || s.IsWrong(last.Object, last.Revision) {
			continue
		}
		source := h.SourceOf(of)
		if source == nil || source.Life.At(s.Life[0].Revision) == nil || changed(source, of.First().Time, s.Life[0].Revision) {
			continue // its lineage cannot be known any more
		}
		if lineage(s) != lineage(source) && !unknowable(s, of) {
			found = append(found, Violation{Namespace: s.Namespace, Volume: s.Volume.Key, Seq: s.Life[0].Seq,
				What: fmt.Sprintf("VolumeSnapshot %s is of lineage %s, and its claim %s is from %s of lineage %s", s.Name, lineage(s), of.Name, source.Name, lineage(source))})
		}
	}
	return found
}})

// unknowable reports whether a snapshot was corrected to be of the volume that it was cut
// from when the claim of that was gone: with the claim goes what the volume was restored
// from. Such a snapshot is of a lineage of its own, which is not proven.
func unknowable(s *history.Snapshot, of *history.Claim) bool {
	for _, v := range s.Life {
		if vs := v.Object; vs != nil && vs.Annotations[v1alpha1.AnnotationLineage] == lineage(s) {
			return lineage(s) == vs.Annotations[v1alpha1.AnnotationVolumeHandle] && vs.Annotations[v1alpha1.AnnotationProven] != v1alpha1.ValueTrue &&
				of.Life.At(v.Revision) == nil
		}
	}
	return false
}
