package snapshots

import (
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Cluster is what is known of a Kafka cluster: the objects that decisions about
// its volumes are made of. Whoever decides fills one and asks it, so that all
// ask the same. Nobody changes what is in it.
type Cluster struct {
	Namespace map[string]string     // annotations of its namespace
	Backups   []Backup              // its KafkaBackups
	Snapshots map[string][]Snapshot // of each of its volumes, by hash; those that cannot be read too
}

// of are the snapshots of a volume.
func (c Cluster) of(v Volume) []Snapshot { return c.Snapshots[v.Hash()] }

// Policy is what is in force for a volume. pvc are the annotations of its claim.
func (c Cluster) Policy(v Volume, pvc map[string]string) (Policy, error) {
	return c.PolicyOf(c.of(v), pvc)
}

// PolicyOf is the policy of a claim of which only the snapshots are known that
// were taken of it.
func (c Cluster) PolicyOf(taken []Snapshot, pvc map[string]string) (Policy, error) {
	return c.policy(pvc, carries(taken))
}

// PolicyToday is the policy without what snapshots have kept of an earlier one:
// what a run stamps. With it, what people take off would never end.
func (c Cluster) PolicyToday(pvc map[string]string) (Policy, error) {
	return c.policy(pvc, nil)
}

// carries are the annotations of the snapshot that tells what was in force when
// it was taken: the newest candidate, else one that cannot be read in full.
func carries(all []Snapshot) map[string]string {
	if candidates := Candidates(all); len(candidates) > 0 {
		return candidates[0].Annotations
	}
	if s, ok := unreadable(all); ok {
		return s.Annotations
	}
	return nil
}

// Decide answers the claim of a broker volume.
func (c Cluster) Decide(claim Claim, now time.Time) Decision {
	return c.decide(claim, c.of(claim.Volume), nil, now)
}

// Explain is [Cluster.Decide], and tells of all snapshots of the volume, the
// newest first, what keeps the claim from getting them: nothing keeps it from
// the one that it is restored from.
func (c Cluster) Explain(claim Claim, now time.Time) (Decision, []Considered) {
	own := c.of(claim.Volume)
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

// Good returns the snapshot that stands for a volume's data: the one that its
// lost claim would get of its own, whatever people have pinned, if that is ready.
// What a volume would lose is measured by it. pvc are the annotations of the
// volume's claim.
func (c Cluster) Good(v Volume, pvc map[string]string) (Snapshot, bool) {
	policy, _ := c.Policy(v, pvc) // a mistake in it is what the decision says
	return good(v, policy, c.of(v))
}

func good(v Volume, policy Policy, all []Snapshot) (Snapshot, bool) {
	candidates := Candidates(all)
	if len(candidates) == 0 {
		return Snapshot{}, false
	}
	if chosen, _ := choose(eligible(candidates, v, policy, nil), nil); chosen.Ready {
		return chosen, true
	}
	return Snapshot{}, false
}
