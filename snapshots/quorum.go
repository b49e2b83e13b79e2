package snapshots

import "fmt"

// Quorum counts the volumes that hold votes of a cluster.
type Quorum struct {
	Members int // all that are known, by a claim or by snapshots
	Bound   int // those with a bound claim, the one that is being created not among them
}

// majority reports whether more than half of the quorum is there.
func (q Quorum) majority() bool { return 2*q.Bound > q.Members }

// quorum decides about volumes that hold votes: restored never by default,
// since a member from the past can lose what the quorum has agreed on; empty
// by default only while the majority is there to catch it up.
func quorum(v Volume, policy Policy, q Quorum) (Decision, bool) {
	if !v.Role.Quorum() {
		return Decision{}, false
	}
	switch set := policy[AnnotationRestoreQuorum]; {
	case set == valueTrue:
		return Decision{}, false
	case set == valueEmpty:
		return Decision{Outcome: Allow, Reason: QuorumVolume, Message: fmt.Sprintf(
			"snapback: %s is the volume of a %s and starts empty, as %s says; its snapshots stay", v, v.Role, AnnotationRestoreQuorum)}, true
	case v.Role != RoleCombined && q.majority():
		return Decision{Outcome: Allow, Reason: QuorumVolume, Message: fmt.Sprintf(
			"snapback: %s is the volume of a %s and starts empty: the majority of its quorum is there to catch it up; %s=true would restore it", v, v.Role, AnnotationRestoreQuorum)}, true
	}
	return Decision{Outcome: Deny, Reason: QuorumUndecided, Message: fmt.Sprintf(
		"snapback refuses this claim: %s is the volume of a %s, which holds votes of the quorum, and nobody has said what happens to it. "+
			"Annotate the KafkaBackup of cluster %s with %s=true to restore it, or with %s=empty to let it start empty, if the majority of its peers is well",
		v, v.Role, v.Cluster, AnnotationRestoreQuorum, AnnotationRestoreQuorum)}, true
}
