package snapshots

import (
	"fmt"
	"slices"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// catchUp is how long a member of a quorum is given to fetch what its peers
// have agreed on. Until then nobody relies on it.
const catchUp = 5 * time.Minute

// Quorum counts the volumes that hold votes of one kind, of KRaft's controllers
// or of ZooKeeper's servers, in a cluster.
type Quorum struct {
	Members int // all that are known, by a claim or by snapshots
	Votes   int // those whose claim has what the quorum has agreed on, the one that is being created not among them
}

// majority reports whether more than half of the quorum is there.
func (q Quorum) majority() bool { return 2*q.Votes > q.Members }

// forgotten reports whether a pin on the snapshot of a quorum's volume is from
// another time: the majority is there, its cluster's runs have gone on, and no
// restore is under way. Its member would go back in time for nothing.
func forgotten(v Volume, around Around, pinned Snapshot) bool {
	return v.Role.Quorum() && v.Role != RoleCombined && around.Quorum.majority() && around.pace.outlived(pinned) && !pinned.marked(v1alpha1.AnnotationRestoring)
}

// countQuorum counts the members of the volume's kind: those with a live claim,
// and those of which snapshots tell that the cluster has not outlived. own are
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
		candidates := Candidates(of)
		if there || len(candidates) == 0 || candidates[0].Role.kind() != kind {
			continue
		}
		gone := now.Sub(candidates[0].Scheduled) > defaultOrphanAge && p.outlived(candidates[0])
		if !gone {
			members[hash] = true
		}
	}
	q.Members = len(members)
	return q
}

// votes reports whether a member's claim has what its quorum has agreed on: it
// is bound, and was not provisioned empty, within the time after which any data
// counts as good, after snapshots of its volume were taken. all are those
// snapshots.
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

// caughtUp reports whether a member has had the time to fetch what its quorum
// has agreed on: it was there when the newest snapshot of the lost member was
// taken, or is old enough. lost are that one's snapshots.
func (p Peer) caughtUp(lost []Snapshot, now time.Time) bool {
	candidates := Candidates(lost)
	together := len(candidates) > 0 && p.Created.Before(candidates[0].Scheduled)
	return together || now.Sub(p.Created) >= catchUp
}

// quorum decides about volumes that hold votes: restored never by default,
// since a member from the past can lose what the quorum has agreed on; empty
// by default only while the majority is there to catch it up.
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
