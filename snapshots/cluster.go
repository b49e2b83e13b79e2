package snapshots

import (
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Cluster holds the objects of a Kafka cluster that decisions about its volumes
// read. The webhook, the scheduler and the plugin each fill one and ask it, so
// that all decide alike. Its content must not be changed.
type Cluster struct {
	Namespace map[string]string     // annotations of its namespace
	Backups   []Backup              // its KafkaBackups
	Snapshots map[string][]Snapshot // of each of its volumes, by hash, also the unreadable ones
}

// Of returns the snapshots of a volume.
func (c Cluster) Of(v Volume) []Snapshot { return c.Snapshots[v.Hash()] }

// Policy returns the policy in force for a volume. pvc holds the annotations of
// its claim.
func (c Cluster) Policy(v Volume, pvc map[string]string) (Policy, error) {
	return c.PolicyOf(c.Of(v), pvc)
}

// PolicyOf returns the policy of a claim whose volume is unknown. taken holds the
// snapshots that were taken of the claim.
func (c Cluster) PolicyOf(taken []Snapshot, pvc map[string]string) (Policy, error) {
	return c.policy(pvc, carries(taken))
}

// PolicyToday returns the policy without the annotations that snapshots carry
// from an earlier one. A run stamps it on its snapshots: otherwise an annotation
// that people have removed would live on from one snapshot to the next.
func (c Cluster) PolicyToday(pvc map[string]string) (Policy, error) {
	return c.policy(pvc, nil)
}

// carries returns the annotations of the snapshot whose policy counts: the newest
// candidate, else one that cannot be read in full.
func carries(all []Snapshot) map[string]string {
	if newest := Newest(all); newest != nil {
		return newest.Annotations
	}
	if s, ok := unreadable(all); ok {
		return s.Annotations
	}
	return nil
}

// Decide returns the answer to the claim of a broker volume.
func (c Cluster) Decide(claim Claim, now time.Time) Decision {
	return c.decide(claim, c.Of(claim.Volume), nil, now)
}

// Explain returns the decision of [Cluster.Decide] and, for each snapshot of the
// volume, why the claim does not get it. The newest comes first. The snapshot
// that the claim is restored from has no such reason.
func (c Cluster) Explain(claim Claim, now time.Time) (Decision, []Considered) {
	own := c.Of(claim.Volume)
	t := newTrace(own)
	return c.decide(claim, own, t, now), t
}

func (c Cluster) decide(claim Claim, own []Snapshot, t trace, now time.Time) Decision {
	policy, err := c.PolicyOf(own, claim.Annotations)
	if err != nil {
		t.undo(v1alpha1.ReasonInvalidAnnotation)
		return invalid(claim.Volume, err)
	}
	claim.Volume = claim.Volume.Stricter(own)
	s := selection{claim: claim, policy: policy, now: now, candidates: Candidates(own)}
	d := s.decide(own, t)
	if d.Outcome == v1alpha1.OutcomeRestore {
		d.Annotations = c.carriedOn(claim.Annotations, policy)
		d.Newer = s.newer(own, *d.Snapshot, t)
	}
	return d
}

// Good returns the good snapshot of a volume: the one that its claim would get if
// it were lost and nothing were pinned. It reports false if that one is not ready.
// The age of the good snapshot measures what the volume would lose. pvc holds the
// annotations of the volume's claim.
func (c Cluster) Good(v Volume, pvc map[string]string) (Snapshot, bool) {
	policy, _ := c.Policy(v, pvc) // the decision reports a mistake in it
	return c.GoodBy(policy, v)
}

// GoodBy is [Cluster.Good] for those who know the policy of the volume's claim.
func (c Cluster) GoodBy(policy Policy, v Volume) (Snapshot, bool) { return good(v, policy, c.Of(v)) }

func good(v Volume, policy Policy, all []Snapshot) (Snapshot, bool) {
	candidates := Candidates(all)
	if len(candidates) == 0 {
		return Snapshot{}, false
	}
	if chosen, _ := choose(sound(eligible(candidates, v, policy, nil), nil), nil); chosen.Ready {
		return chosen, true
	}
	return Snapshot{}, false
}
