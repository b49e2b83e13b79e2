package check

import (
	"fmt"
	"net/http"
	"path"
	"strings"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/history"
	"github.com/snapback-dev/snapback/e2e/chaos/record"
)

// minKept is how many ready snapshots of a volume each KafkaBackup keeps.
const minKept = 2

// Never pruned are: the newest two ready snapshots of a volume for each KafkaBackup,
// the last ready one of a lineage, one that is held or pinned, and one that a Pending
// claim waits for.
var _ = register(Check{Name: "kept", Run: func(h *history.History) []Violation {
	var found []Violation
	for _, r := range h.Writes {
		s := deletedBy(h, r)
		if s == nil {
			continue
		}
		if what := wronglyPruned(h, s); what != "" {
			found = append(found, Violation{Namespace: s.Namespace, Volume: s.Volume.Key, Seq: r.Seq,
				What: fmt.Sprintf("%s deleted VolumeSnapshot %s, %s", r.Write.Component, s.Name, what)})
		}
	}
	return found
}})

// deletedBy is the snapshot that a write of Snapback's has deleted; nil: none.
func deletedBy(h *history.History, r record.Record) *history.Snapshot {
	w := r.Write
	if w.Verb != http.MethodDelete || !history.BySnapback(w.Component) || !strings.Contains(w.Path, "/volumesnapshots/") || w.Status >= 300 {
		return nil
	}
	for _, s := range h.Snapshots {
		at := s.Deleted()
		if s.Name == path.Base(w.Path) && strings.Contains(w.Path, "/namespaces/"+s.Namespace+"/") &&
			at != nil && !at.Time.Before(w.Began.Add(-grace)) && !at.Time.After(r.Time.Add(grace)) {
			return s
		}
	}
	return nil
}

// wronglyPruned says why a snapshot should have stayed; empty: it could go.
func wronglyPruned(h *history.History, s *history.Snapshot) string {
	deleted := s.Deleted()
	before := deleted.Revision - 1
	last := s.Life.At(before)
	if last == nil {
		return "" // it came and went in one revision
	}
	_, cut := s.Cut() // if not, there is nothing to keep, and it may hold up its claim
	for _, key := range []string{v1alpha1.AnnotationHold, v1alpha1.AnnotationRestoreNext} {
		if _, ok := last.Annotations[key]; ok && cut {
			return "which had " + key
		}
	}
	for _, c := range h.Claims {
		if c.Source() == s.Name && c.Namespace == s.Namespace && c.First().Time.Before(deleted.Time.Add(-grace)) {
			if pvc := c.Life.At(before); pvc != nil && pvc.DeletionTimestamp == nil && pvc.Status.Phase == corev1.ClaimPending {
				return "which Pending claim " + c.Name + " waited for"
			}
		}
	}
	if !history.Ready(last) {
		return ""
	}
	if frozen(h, s, deleted) {
		return "whose KafkaBackup was frozen"
	}
	newer, alike := 0, 0
	for _, other := range h.SnapshotsOf(s.Volume) {
		if other == s || !readyLately(other, deleted) {
			continue
		}
		if other.Backup() == s.Backup() && other.Run() > s.Run() {
			newer++
		}
		if lineage(other) == lineage(s) {
			alike++
		}
	}
	switch {
	case newer < minKept:
		return fmt.Sprintf("of which KafkaBackup %s had only %d newer ready ones", s.Backup(), newer)
	case alike == 0:
		return "the last ready one of lineage " + lineage(s)
	}
	return ""
}

// readyLately reports whether another snapshot was ready when one was deleted, or
// shortly before.
func readyLately(other *history.Snapshot, deleted *history.Version[snapshotv1.VolumeSnapshot]) bool {
	if history.Ready(other.Life.At(deleted.Revision)) {
		return true
	}
	at := other.Deleted()
	return at != nil && at.Revision <= deleted.Revision && at.Time.After(deleted.Time.Add(-grace)) && history.Ready(other.Life.At(at.Revision-1))
}

// frozen reports whether people had stopped the pruning of a snapshot's KafkaBackup
// before the scheduler looked whether it may delete the snapshot, and still had.
func frozen(h *history.History, s *history.Snapshot, deleted *history.Version[snapshotv1.VolumeSnapshot]) bool {
	life := h.Backups[s.Namespace+"/"+s.Backup()]
	return life != nil && life.During(deleted.Time.Add(-looked), deleted.Revision, func(kb *v1alpha1.KafkaBackup) bool {
		_, frozen := kb.Annotations[v1alpha1.AnnotationFreeze]
		return frozen
	})
}
