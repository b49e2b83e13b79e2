package snapshots

import (
	"fmt"
	"slices"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// catchUp is how long a new member of a quorum has to fetch the data that its
// peers have agreed on. Until then its vote does not count.
const catchUp = 5 * time.Minute

// Quorum counts the volumes of a cluster that hold votes of one kind: those of
// KRaft's controllers, or those of ZooKeeper's servers.
type Quorum struct {
	Members int // all known members, by a claim or by snapshots
	Votes   int // the members whose claim has the data that the quorum has agreed on, without the claim that is being created
}

// majority reports whether more than half of the members have a vote.
func (q Quorum) majority() bool { return 2*q.Votes > q.Members }

// forgotten reports whether a person has probably forgotten a pin on the snapshot
// of a quorum's volume: the majority is there, the runs of its cluster have gone
// on, and no restore is under way. The pin would send the member back in time for
// no reason.
func forgotten(v Volume, around Around, pinned Snapshot) bool {
	return v.Role.Quorum() && v.Role != RoleCombined && around.Quorum.majority() && around.pace.outlived(pinned) && !pinned.marked(v1alpha1.AnnotationRestoring)
}

// countQuorum counts the members of the volume's kind: those with a live claim,
// and those with only snapshots, unless the cluster has outlived them. own holds
// the volume's snapshots.
func countQuorum(v Volume, own []Snapshot, live map[string]Peer, cluster map[string][]Snapshot, p pace, now time.Time) Quorum {
	kind := v.Role.kind()
	members := map[string]bool{v.Hash(): true}
	var q Quorum
	for hash, peer := range live {
		if hash == v.Hash() || peer.Volume.Stricter(cluster[hash]).Role.kind() != kind {
			continue
		}
		members[hash] = true
		if peer.votes(cluster[hash], now) && peer.caughtUp(own, now) {
			q.Votes++
		}
	}
	for hash, of := range cluster {
		_, there := live[hash]
		newest := Newest(of)
		if there || newest == nil || newest.Role.kind() != kind {
			continue
		}
		gone := now.Sub(newest.Scheduled) > defaultOrphanAge && p.outlived(*newest)
		if !gone {
			members[hash] = true
		}
	}
	q.Members = len(members)
	return q
}

// votes reports whether a member's claim has the data that its quorum has agreed
// on. It must be bound. It has no vote if it was provisioned empty after
// snapshots of its volume were taken, until it is old enough for any data to
// count as good. all holds the snapshots of its volume.
func (p Peer) votes(all []Snapshot, now time.Time) bool {
	if !p.Bound {
		return false
	}
	if p.Filled || p.Promoted || now.Sub(p.Created) >= defaultPromoteAfter {
		return true
	}
	own := func(s Snapshot) bool {
		return s.SourcePVCUID == string(p.UID) || p.PV != "" && s.Annotations[v1alpha1.AnnotationSourcePV] == p.PV
	}
	blank := slices.ContainsFunc(all, func(s Snapshot) bool { return !own(s) && s.Scheduled.Before(p.Created) })
	proven := slices.ContainsFunc(all, func(s Snapshot) bool { return own(s) && s.Lineage.Proven })
	return !blank || proven
}

// caughtUp reports whether a member has had time to fetch the data that its quorum
// has agreed on: it existed when the newest snapshot of the lost member was taken,
// or it is old enough. lost holds the snapshots of the lost member.
func (p Peer) caughtUp(lost []Snapshot, now time.Time) bool {
	newest := Newest(lost)
	together := newest != nil && p.Created.Before(newest.Scheduled)
	return together || now.Sub(p.Created) >= catchUp
}

// quorum decides about volumes that hold votes. By default they are never
// restored, since a member with old data can lose what the quorum has agreed on.
// By default they start empty only while a majority is there to bring the new
// member up to date.
func quorum(v Volume, policy Policy, q Quorum) (Decision, bool) {
	if !v.Role.Quorum() {
		return Decision{}, false
	}
	switch policy[v1alpha1.AnnotationRestoreQuorum] {
	case v1alpha1.ValueTrue:
		return Decision{}, false
	case v1alpha1.ValueEmpty:
		return Decision{Outcome: v1alpha1.OutcomeAllow, Reason: v1alpha1.ReasonQuorumVolume, Message: fmt.Sprintf(
			"%s is the volume of a %s and starts empty, as %s says; its snapshots stay", v, v.Role.Words(), v1alpha1.AnnotationRestoreQuorum)}, true
	}
	if v.Role != RoleCombined && q.majority() {
		return Decision{Outcome: v1alpha1.OutcomeAllow, Reason: v1alpha1.ReasonQuorumVolume, Message: fmt.Sprintf(
			"%s is the volume of a %s and starts empty: the majority of its quorum is there to catch it up; %s=true would restore it", v, v.Role.Words(), v1alpha1.AnnotationRestoreQuorum)}, true
	}
	return Decision{Outcome: v1alpha1.OutcomeDeny, Reason: v1alpha1.ReasonQuorumUndecided, Message: fmt.Sprintf(
		"snapback refuses this claim: %s is the volume of a %s, which holds votes of the quorum, and nobody has said what happens to it. "+
			"Of %d members that are known, %d others have a bound claim whose data can be relied on. "+
			"Annotate the KafkaBackup of cluster %s with %s=true to restore it, or with %s=empty to let it start empty, if the majority of its peers is well",
		v, v.Role.Words(), q.Members, q.Votes, v.Cluster, v1alpha1.AnnotationRestoreQuorum, v1alpha1.AnnotationRestoreQuorum)}, true
}
