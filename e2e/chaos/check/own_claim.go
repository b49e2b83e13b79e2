package check

import (
	"fmt"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/history"
)

// A snapshot that was taken of another volume than the run meant, since its claim had been
// replaced, says so in the end, unless its KafkaBackup was deleted: then the webhook finds
// out, see newest.
var _ = register(Check{Name: "own-claim", Run: func(h *history.History) []Violation {
	var found []Violation
	for _, s := range h.Snapshots {
		last := s.Life[len(s.Life)-1]
		if _, cut := s.Cut(); !cut || last.Object == nil || last.Object.DeletionTimestamp != nil || !s.IsWrong(last.Object, last.Revision) || !lookedAfter(h, s, last.Object) {
			continue
		}
		is := s.OriginAt(last.Revision)
		found = append(found, Violation{Namespace: s.Namespace, Volume: s.Volume.Key, Seq: last.Seq,
			What: fmt.Sprintf("VolumeSnapshot %s says in the end that it is of volume %s, and was cut from %s, of claim %s", s.Name,
				last.Object.Annotations[v1alpha1.AnnotationVolumeHandle], is.Handle, is.Claim)})
	}
	return found
}})

// lookedAfter reports whether the KafkaBackup of a snapshot is there in the end.
func lookedAfter(h *history.History, s *history.Snapshot, last *snapshotv1.VolumeSnapshot) bool {
	life := h.Backups[s.Namespace+"/"+last.Annotations[v1alpha1.AnnotationBackupName]]
	return life != nil && (*life)[len(*life)-1].Object != nil
}
