package check

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/history"
)

// combined is the pool of nodes that hold topics and votes.
const combined = "combined"

// A member of the quorum starts empty, in spite of a snapshot of it, only while the
// majority of its quorum has its data, and it holds no topic, unless a person has
// said that it may.
var _ = register(Check{Name: "quorum", Run: func(h *history.History) []Violation {
	var found []Violation
	for _, c := range h.Claims {
		if !c.Volume.Controller || c.Source() != "" || !toBeRestored(h, c) || !undecided(h, c) || !hadSnapshot(h, c) {
			continue
		}
		members, votes := votes(h, c)
		if 2*votes <= members || c.Volume.Pool == combined {
			found = append(found, Violation{Namespace: c.Namespace, Volume: c.Volume.Key, Seq: c.First().Seq,
				What: fmt.Sprintf("claim %s (%s) of a quorum was created without a source, while %d of %d others had its data", c.Name, c.UID, votes, members-1)})
		}
	}
	return found
}})

// undecided reports whether nobody had said what happens to the quorum of a claim.
func undecided(h *history.History, c *history.Claim) bool {
	if c.First().Object.Annotations[v1alpha1.AnnotationRestoreQuorum] != "" {
		return false
	}
	from, to := asked(h, c).Add(-grace), c.First().Revision
	for key, life := range h.Backups {
		if strings.HasPrefix(key, c.Namespace+"/") && !only(values(life.In(from, to), v1alpha1.AnnotationRestoreQuorum), "") {
			return false
		}
	}
	life := h.Namespaces[c.Namespace]
	return life == nil || only(values(life.In(from, to), v1alpha1.AnnotationRestoreQuorum), "")
}

// hadSnapshot reports whether there was a snapshot of a claim's volume that could be
// used.
func hadSnapshot(h *history.History, c *history.Claim) bool {
	from := asked(h, c).Add(-grace)
	return slices.ContainsFunc(h.SnapshotsOf(c.Volume), func(s *history.Snapshot) bool {
		return s.Life.During(from, c.First().Revision, history.Usable) && !changed(s, from, c.First().Revision)
	})
}

// votes counts the members of a claim's quorum, and the others that may have had a
// bound claim with its data.
func votes(h *history.History, c *history.Claim) (members, votes int) {
	cluster, _ := h.Layout.Cluster(c.Namespace)
	for _, v := range cluster.Volumes {
		if !v.Controller {
			continue
		}
		members++
		if v.Key != c.Volume.Key && slices.ContainsFunc(h.Claims, func(other *history.Claim) bool { return other.Volume.Key == v.Key && mayVote(h, other, c) }) {
			votes++
		}
	}
	return members, votes
}

// mayVote reports whether a claim was bound, and had the data of its volume, at some
// time shortly before another one was created.
func mayVote(h *history.History, member, created *history.Claim) bool {
	blank := member.Source() == "" && hadSnapshot(h, member)
	for _, pvc := range member.Life.In(asked(h, created).Add(-grace), created.First().Revision) {
		if pvc != nil && pvc.Status.Phase == corev1.ClaimBound &&
			(!blank || pvc.Annotations[v1alpha1.AnnotationPromote] == v1alpha1.ValueTrue || provenSince(h, member, created)) {
			return true
		}
	}
	return false
}

// provenSince reports whether a snapshot of a member's own was proven when another
// claim was created.
func provenSince(h *history.History, member, created *history.Claim) bool {
	return slices.ContainsFunc(h.SnapshotsOf(member.Volume), func(s *history.Snapshot) bool {
		vs := s.Life.At(created.First().Revision)
		return s.OriginAt(created.First().Revision).Claim == member.UID && vs != nil && vs.Annotations[v1alpha1.AnnotationProven] == v1alpha1.ValueTrue
	})
}
