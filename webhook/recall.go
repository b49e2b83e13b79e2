package webhook

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// recall looks for the claim's volume by the snapshots that were taken of a claim
// of its name, once. A claim must not start empty because its KafkaBackup is gone
// or its labels have changed. It reports whether there is such a volume. If the
// snapshots disagree, the claim is refused. live says whether it also asks the
// apiserver: for a claim that nothing marks as a broker's, the catalog is enough.
func (c *consideration) recall(ctx context.Context, live bool) (bool, error) {
	if c.recalled || c.pvc.Name == "" {
		return false, nil
	}
	c.recalled = true
	taken, err := c.takenOf(ctx, c.pvc.Name, live)
	c.taken = taken
	if err != nil || len(taken) == 0 {
		return false, err
	}
	cluster, policy, unwanted, err := c.policyOf(ctx, taken)
	if err == nil && unwanted && !c.told && c.pvc.Annotations[v1alpha1.AnnotationRestore] == "" { // the watches may be behind
		if err = c.askBackups(ctx); err == nil {
			cluster, policy, unwanted, err = c.policyOf(ctx, taken)
		}
	}
	if err != nil || unwanted {
		return false, err
	}
	c.cluster = cluster
	v, refusal, ok := snapshots.VolumeOfClaim(c.namespace, c.pvc.Name, taken, policy)
	if ok && c.claim.Volume.Slot != "" { // its labels or a KafkaBackup identify it too
		var overruled bool
		refusal, overruled = snapshots.Overrules(c.claim.Volume, v, policy)
		ok = !overruled
	}
	if !ok {
		c.refused = &refusal
		return false, nil
	}
	known := c.claim.Volume
	c.elsewhere = c.elsewhere || known.Cluster != "" && known.Cluster != v.Cluster
	if len(v.Peers) == 0 {
		v.Peers = known.Peers
	}
	return true, c.become(ctx, v)
}

// takenOf returns the snapshots that were taken of claims of this name: the known
// ones and, if live, those that only the apiserver has.
func (c *consideration) takenOf(ctx context.Context, name string, live bool) ([]snapshots.Snapshot, error) {
	taken := c.catalog.Claim(c.namespace, name) // the chosen one is read live later
	if !live {
		return taken, nil
	}
	own, err := c.listOwn(ctx, c.namespace, client.MatchingLabels{v1alpha1.LabelClaim: snapshots.LabelValue(name)})
	for _, s := range snapshots.OfClaim(own, name) {
		if !slices.ContainsFunc(taken, func(other snapshots.Snapshot) bool { return other.Name == s.Name }) {
			taken = append(taken, s)
		}
	}
	return taken, err
}

// policyOf returns the clusters of these snapshots and of the claim, and their policy.
// unwanted: nobody has asked for the claim to be restored. If the policy has a mistake,
// the decision reports it.
func (c *consideration) policyOf(ctx context.Context, taken []snapshots.Snapshot) (cluster snapshots.Cluster, policy snapshots.Policy, unwanted bool, err error) {
	if cluster, err = c.clustersOf(ctx, taken); err != nil {
		return cluster, nil, false, err
	}
	policy, mistake := cluster.PolicyOf(taken, c.pvc.Annotations)
	return cluster, policy, mistake == nil && !policy.OptedIn(), nil
}

// clustersOf returns the clusters of these snapshots and of the claim as one: the
// KafkaBackups of all of them count.
func (c *consideration) clustersOf(ctx context.Context, taken []snapshots.Snapshot) (snapshots.Cluster, error) {
	names := []string{c.claim.Volume.Cluster}
	for _, s := range taken {
		names = append(names, s.Annotations[v1alpha1.AnnotationClusterName])
	}
	return c.clusterOf(ctx, names...)
}
