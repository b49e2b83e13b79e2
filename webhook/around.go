package webhook

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka/operators"
	"github.com/snapback-dev/snapback/snapshots"
)

// lookAround finds out about the claim's node and neighbours what its decision
// depends on: its role, whether its volume has a live claim already, which
// votes of its quorum are there, and which disks of its broker were lost with
// it.
func (c *consideration) lookAround(ctx context.Context) error {
	reader := operators.NewReader(c.fresh(), c.Mapper)
	if err := reader.Complete(ctx, &c.claim.Volume, c.pvc); err != nil {
		return err
	}
	c.claim.Volume = c.claim.Volume.Stricter(c.known)
	v := c.claim.Volume
	released := c.released(ctx)
	cluster := c.catalog.Cluster(v)
	peers, err := c.peers(ctx, v, reader)
	if err != nil {
		return err
	}
	c.claim.Around = snapshots.LookAround(v, c.known, peers, cluster, c.now)
	if c.claim.Around.Duplicate != "" { // it may be gone by now: nothing is refused for what was
		if peers, err = c.list(ctx, c.Live, v, reader, client.MatchingLabels(v.Peers)); err != nil {
			return err
		}
		c.claim.Around = snapshots.LookAround(v, c.known, peers, cluster, c.now)
	}
	c.claim.Around.Released = released
	c.claim.Around.Recalled = c.elsewhere
	if !c.claim.Around.HasOutlived(c.known) {
		return nil
	}
	return operators.NewReader(c.Live, c.Mapper).Remember(ctx, &c.claim.Volume)
}

// released names the PersistentVolume that the newest snapshot was taken from,
// if it has outlived its claim. It is for a warning: a restore does not fail
// for it.
func (c *consideration) released(ctx context.Context) string {
	candidates := snapshots.Candidates(c.known)
	if len(candidates) == 0 || candidates[0].Annotations[v1alpha1.AnnotationSourcePV] == "" {
		return ""
	}
	var pv corev1.PersistentVolume
	name := types.NamespacedName{Name: candidates[0].Annotations[v1alpha1.AnnotationSourcePV]}
	err := c.Cached.Get(ctx, name, &pv)
	if client.IgnoreNotFound(err) != nil {
		log.FromContext(ctx).Error(err, "cannot tell whether the lost claim's volume is still there", "volume", name.Name)
	}
	if err != nil || pv.Status.Phase != corev1.VolumeReleased {
		return ""
	}
	return pv.Name
}

// atHand lists from the apiserver's watch cache as it is, some milliseconds
// behind as a rule: waiting for it to catch up takes up to 100 ms whenever
// something is written. Two claims made within these milliseconds are found by
// the scheduler.
var atHand = &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: "0"}}

// peers are the live claims of the cluster. Votes are counted as they are now.
// Where two claims can be of one volume, those of the broker are asked of the
// apiserver; all others the cache knows.
func (c *consideration) peers(ctx context.Context, v snapshots.Volume, reader *operators.Reader) ([]snapshots.Peer, error) {
	if len(v.Peers) == 0 && !v.Role.Quorum() {
		return nil, nil
	}
	if v.Role.Quorum() { // without labels in common all claims are looked at
		return c.list(ctx, c.Live, v, reader, client.MatchingLabels(v.Peers))
	}
	peers, err := c.list(ctx, c.Cached, v, reader, client.MatchingLabels(v.Peers))
	if err != nil || !v.GeneratedName {
		return peers, err
	}
	own, err := c.list(ctx, c.Live, v, reader, client.MatchingLabels(v.Node), atHand)
	if err != nil {
		return nil, err
	}
	peers = slices.DeleteFunc(peers, func(p snapshots.Peer) bool { return p.Volume.Broker == v.Broker })
	return append(peers, own...), nil
}

// list lists the live claims of the cluster that match.
func (c *consideration) list(ctx context.Context, from client.Reader, v snapshots.Volume, reader *operators.Reader, options ...client.ListOption) ([]snapshots.Peer, error) {
	var list corev1.PersistentVolumeClaimList
	if err := from.List(ctx, &list, append(options, client.InNamespace(v.Namespace))...); err != nil {
		return nil, fmt.Errorf("list the claims of cluster %s/%s: %w", v.Namespace, v.Cluster, err)
	}
	var peers []snapshots.Peer
	for i := range list.Items {
		pvc := &list.Items[i]
		other, ok := snapshots.Identify(v.Namespace, pvc, c.backups)
		if !ok || other.Cluster != v.Cluster {
			continue
		}
		if err := reader.Complete(ctx, &other, pvc); err != nil {
			return nil, err
		}
		peers = append(peers, snapshots.NewPeer(other, pvc))
	}
	return peers, nil
}
