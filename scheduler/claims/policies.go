package claims

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/snapshots"
)

// Policies are the policies in force for the claims of a cluster at one moment. Each is
// found once, since a look asks for it several times. They are not safe for concurrent
// use.
type Policies struct {
	cluster snapshots.Cluster
	known   map[*corev1.PersistentVolumeClaim]policy
}

type policy struct {
	snapshots.Policy
	err error
}

// NewPolicies returns the policies of a cluster.
func NewPolicies(cluster snapshots.Cluster) *Policies {
	return &Policies{cluster, map[*corev1.PersistentVolumeClaim]policy{}}
}

// Of returns the policy in force for a claim, which is [snapshots.Cluster.Policy].
func (p *Policies) Of(c Claim) (snapshots.Policy, error) {
	of, ok := p.known[c.PVC]
	if !ok {
		of.Policy, of.err = p.cluster.Policy(c.Volume, c.PVC.Annotations)
		p.known[c.PVC] = of
	}
	return of.Policy, of.err
}
