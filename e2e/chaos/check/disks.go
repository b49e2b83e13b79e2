package check

import (
	"maps"
	"slices"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/history"
)

// together is how long after a snapshot the disks of a node may still count as lost
// together with one that was lost then.
const together = 15 * time.Second

// withDisks reports whether a claim was right not to get a newer snapshot, since another
// disk of its node, lost with it, had none of that run, or got that of another run.
func withDisks(h *history.History, c *history.Claim, newer, chosen *history.Snapshot) bool {
	from, to := asked(h, c).Add(-grace), c.First().Revision
	cut, _ := newer.Cut()
	cluster, _ := h.Layout.Cluster(c.Namespace)
	for _, disk := range cluster.Node(c.Volume.Node) {
		if disk.Key == c.Volume.Key {
			continue
		}
		other := h.ClaimAt(disk, to)
		well := other != nil && other.Life.At(to).DeletionTimestamp == nil && other.First().Time.Before(cut.Add(-together))
		if well {
			continue
		}
		if other != nil {
			if source := h.SourceOf(other); source != nil && source.Run() == chosen.Run() {
				return true
			}
		}
		if !hasRun(h.SnapshotsOf(disk), newer, from, to) {
			return true
		}
	}
	return false
}

// identity are the annotations that tell what a snapshot is of.
var identity = []string{v1alpha1.AnnotationSlot, v1alpha1.AnnotationScheduledTime, v1alpha1.AnnotationLineage}

// hasRun reports whether one of a disk's snapshots is of the same run as another disk's,
// and could be restored all the time.
func hasRun(all []*history.Snapshot, of *history.Snapshot, from time.Time, to int64) bool {
	proven := provenLineages(all, from, to)
	return slices.ContainsFunc(all, func(s *history.Snapshot) bool {
		return sameRun(s, of) && eligible(s, from, to) && (len(proven) == 0 || proven[lineage(s)])
	})
}

// changed reports whether people had changed the labels of a snapshot, or what tells its
// volume, by which Snapback knows it.
func changed(s *history.Snapshot, from time.Time, to int64) bool {
	first := s.Life[0].Object
	if first == nil {
		return true
	}
	for _, vs := range s.Life.In(from, to) {
		if vs == nil {
			continue
		}
		if !maps.Equal(vs.Labels, first.Labels) {
			return true
		}
		for _, key := range identity {
			if vs.Annotations[key] != first.Annotations[key] {
				return true
			}
		}
	}
	return false
}
