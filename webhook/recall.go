package webhook

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// recall looks for the claim's volume by the snapshots that were taken of a
// claim of its name, once: a claim must not start empty because its KafkaBackup
// is gone or its labels have changed. It reports whether there is such a volume.
// Snapshots that do not agree refuse the claim. Where nothing says that it is a
// broker's, what is known has to do: the claims of others need no apiserver.
func (c *consideration) recall(ctx context.Context, live bool) (bool, error) {
	if c.recalled || c.pvc.Name == "" {
		return false, nil
	}
	c.recalled = true
	taken, err := c.takenOf(ctx, c.pvc.Name, live)
	if err != nil || len(taken) == 0 {
		return false, err
	}
	cluster, err := c.clustersOf(ctx, taken)
	if err != nil {
		return false, err
	}
	policy, err := cluster.PolicyOf(taken, c.pvc.Annotations)
	mistaken := err != nil // which the decision is going to tell
	if !mistaken && !policy.OptedIn() {
		return false, nil // nobody has asked for it to be restored
	}
	c.cluster = cluster
	v, refusal, ok := snapshots.VolumeOfClaim(c.namespace, c.pvc.Name, taken, policy)
	if ok && c.claim.Volume.Slot != "" { // something else knows it
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

// takenOf are the snapshots that were taken of claims of this name: those that
// are known, and those that the apiserver has besides.
func (c *consideration) takenOf(ctx context.Context, name string, live bool) ([]snapshots.Snapshot, error) {
	taken := c.catalog.Claim(c.namespace, name) // read live before one is given away
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

// clustersOf is what is known of every cluster that a claim may be of that these
// snapshots were taken of: the KafkaBackups of all of them count.
func (c *consideration) clustersOf(ctx context.Context, taken []snapshots.Snapshot) (snapshots.Cluster, error) {
	names := []string{c.claim.Volume.Cluster}
	for _, s := range taken {
		names = append(names, s.Annotations[v1alpha1.AnnotationClusterName])
	}
	return c.clusterOf(ctx, names...)
}
