package check

import (
	"fmt"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/history"
)

// The disks of one node that were lost together are restored from one run, if there is
// one that all of them could be restored from: a partition may have moved between
// them.
var _ = register(Check{Name: "one-run-a-node", Run: func(h *history.History) []Violation {
	var found []Violation
	for i, a := range h.Claims {
		for _, b := range h.Claims[i+1:] {
			if !lostTogether(h, a, b) {
				continue
			}
			one, other := h.SourceOf(a), h.SourceOf(b)
			if one == nil || other == nil || sameRun(one, other) {
				continue
			}
			if s := commonRun(h, a, b); s != nil {
				found = append(found, Violation{Namespace: b.Namespace, Volume: b.Volume.Key, Seq: b.First().Seq,
					What: fmt.Sprintf("claims %s and %s of node %d were restored from runs %s and %s, while both could be from run %s",
						a.Name, b.Name, b.Volume.Node, one.Run(), other.Run(), s.Run())})
			}
		}
	}
	return found
}})

// lostTogether reports whether two restored claims are of disks of one node, both of
// which were gone before either of the claims was created, and whose newest
// snapshots were of one run. The first is the one that was created first.
func lostTogether(h *history.History, a, b *history.Claim) bool {
	if a.Source() == "" || b.Source() == "" || a.Volume.Key == b.Volume.Key || a.Namespace != b.Namespace ||
		a.Volume.Node != b.Volume.Node || a.Volume.Pool != b.Volume.Pool || chosenByHand(a) || chosenByHand(b) {
		return false
	}
	for _, c := range h.Claims {
		if c != a && c != b && (c.Volume.Key == a.Volume.Key || c.Volume.Key == b.Volume.Key) &&
			c.First().Revision < b.First().Revision && c.Life.At(a.First().Revision) != nil {
			return false // it was lost later
		}
	}
	one, other := newestBefore(h, a), newestBefore(h, b)
	return one != nil && other != nil && sameRun(one, other)
}

// newestBefore is the newest snapshot of a claim's volume that was cut before it was
// created.
func newestBefore(h *history.History, c *history.Claim) *history.Snapshot {
	var newest *history.Snapshot
	for _, s := range h.SnapshotsOf(c.Volume) {
		if vs := s.Life.At(c.First().Revision); vs != nil && wasCut(vs) && (newest == nil || s.Run() > newest.Run()) {
			newest = s
		}
	}
	return newest
}

// commonRun is a snapshot of a run that both claims could be restored from all the
// time; nil: there is none.
func commonRun(h *history.History, a, b *history.Claim) *history.Snapshot {
	from := asked(h, a).Add(-grace)
	for _, s := range h.SnapshotsOf(a.Volume) {
		if !eligible(s, from, b.First().Revision) {
			continue
		}
		for _, other := range h.SnapshotsOf(b.Volume) {
			if sameRun(s, other) && eligible(other, from, b.First().Revision) && lineage(s) == lineage(h.SourceOf(a)) && lineage(other) == lineage(h.SourceOf(b)) {
				return s
			}
		}
	}
	return nil
}

// eligible reports whether a snapshot could be restored for all of a time, and has not
// been left aside.
func eligible(s *history.Snapshot, from time.Time, to int64) bool {
	return !changed(s, from, to) && s.Life.During(from, to, func(vs *snapshotv1.VolumeSnapshot) bool {
		return history.Usable(vs) && vs.Annotations[v1alpha1.AnnotationAbandoned] == ""
	})
}

// chosenByHand reports whether a person had chosen the source of a claim.
func chosenByHand(c *history.Claim) bool {
	return c.First().Object.Annotations[v1alpha1.AnnotationRestoredBy] != ""
}

func sameRun(a, b *history.Snapshot) bool { return a.Run() == b.Run() && a.Backup() == b.Backup() }
