package check

import (
	"fmt"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/history"
)

// A claim is restored from a snapshot of its own volume, and from the newest that could
// be used when the webhook was asked, unless a person has chosen.
var _ = register(Check{Name: "newest", Run: func(h *history.History) []Violation {
	var found []Violation
	for _, c := range h.Claims {
		if c.Source() == "" {
			continue
		}
		if what := wrongSource(h, c); what != "" {
			found = append(found, Violation{Namespace: c.Namespace, Volume: c.Volume.Key, Seq: c.First().Seq,
				What: fmt.Sprintf("claim %s (%s) was restored from VolumeSnapshot %s, %s", c.Name, c.UID, c.Source(), what)})
		}
	}
	return found
}})

// wrongSource says what is wrong with the source of a claim; empty: nothing.
func wrongSource(h *history.History, c *history.Claim) string {
	chosen := h.SnapshotAt(c.Namespace, c.Source(), c.First().Revision)
	if chosen == nil {
		return "which has never been there"
	}
	if chosen.Volume.Key != c.Volume.Key {
		return "which is of volume " + chosen.Volume.Key
	}
	if _, pinned := c.First().Object.Annotations[v1alpha1.AnnotationRestoredBy]; pinned {
		return ""
	}
	from := asked(h, c).Add(-grace)
	proven := provenLineages(h.SnapshotsOf(c.Volume), from, c.First().Revision)
	if of := h.ClaimOf(chosen.OriginAt(c.First().Revision).Claim); len(proven) > 0 && wrongAt(chosen, c.First().Revision) && beganEmpty(of, chosen) && !proven[of.UID] {
		return fmt.Sprintf("which was cut from claim %s, that began empty, while one of a proven lineage could be used", of.UID)
	}
	for _, s := range h.SnapshotsOf(c.Volume) {
		usable := s.Life.During(from, c.First().Revision, func(vs *snapshotv1.VolumeSnapshot) bool {
			_, abandoned := vs.Annotations[v1alpha1.AnnotationAbandoned]
			return history.Usable(vs) && !abandoned && !s.IsWrong(vs, c.First().Revision)
		})
		if usable && s.Run() > chosen.Run() && (len(proven) == 0 || proven[lineage(s)]) &&
			!changed(s, from, c.First().Revision) && !withDisks(h, c, s, chosen) {
			return fmt.Sprintf("while the newer %s could be used", s.Name)
		}
	}
	return ""
}

// wrongAt reports whether a snapshot said at a revision that it is of another volume.
func wrongAt(s *history.Snapshot, revision int64) bool {
	vs := s.Life.At(revision)
	return vs != nil && s.IsWrong(vs, revision)
}

// beganEmpty reports whether a claim began empty shortly before a snapshot was cut from it.
func beganEmpty(c *history.Claim, s *history.Snapshot) bool {
	cut, ok := s.Cut()
	return c != nil && ok && c.Source() == "" && cut.Sub(c.First().Time) < 12*time.Hour
}

// provenLineages are those of a volume that some snapshot, which was usable all the time,
// says are proven.
func provenLineages(all []*history.Snapshot, from time.Time, to int64) map[string]bool {
	proven := map[string]bool{}
	for _, s := range all {
		if s.Life.During(from, to, func(vs *snapshotv1.VolumeSnapshot) bool {
			return history.Usable(vs) && !s.IsWrong(vs, to) && vs.Annotations[v1alpha1.AnnotationProven] == v1alpha1.ValueTrue
		}) {
			proven[lineage(s)] = true
		}
	}
	return proven
}

// lineage is what a snapshot said at last: the scheduler may have corrected it.
func lineage(s *history.Snapshot) string {
	if last := s.Last().Object; last != nil {
		return last.Annotations[v1alpha1.AnnotationLineage]
	}
	return ""
}
