package webhook

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/athand"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka/operators"
	"github.com/snapback-dev/snapback/snapshots"
)

// lookAround reads the facts about the claim's node and neighbours that its
// decision needs: its role, whether its volume already has a live claim, how many
// votes of its quorum are there, and which disks of its broker were lost with it.
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
	if c.claim.Around.Duplicate != "" { // it may be gone by now, so ask again before refusing
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

// released returns the name of the PersistentVolume that the newest snapshot was
// taken from, if it still exists and its claim does not. The name is only for a
// warning: if the read fails, the restore goes on.
func (c *consideration) released(ctx context.Context) string {
	newest := snapshots.Newest(c.known)
	if newest == nil || newest.Annotations[v1alpha1.AnnotationSourcePV] == "" {
		return ""
	}
	var pv corev1.PersistentVolume
	name := types.NamespacedName{Name: newest.Annotations[v1alpha1.AnnotationSourcePV]}
	err := c.Cached.Get(ctx, name, &pv)
	if client.IgnoreNotFound(err) != nil {
		log.FromContext(ctx).Error(err, "cannot tell whether the lost claim's volume is still there", "persistentVolume", name.Name)
	}
	if err != nil || pv.Status.Phase != corev1.VolumeReleased {
		return ""
	}
	return pv.Name
}

// peers returns the live claims of the cluster. For votes it lists them from the
// apiserver, so that they are counted as they are now. Where two claims can be of
// one volume, it lists the broker's claims from the apiserver's watch cache, and all
// others from the cache. If two claims of a volume are created within the milliseconds
// that the watch cache is behind, the scheduler finds them.
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
	own, err := c.list(ctx, c.Live, v, reader, client.MatchingLabels(v.NodeLabels), athand.List)
	if err != nil {
		return nil, err
	}
	peers = slices.DeleteFunc(peers, func(p snapshots.Peer) bool { return p.Volume.Node == v.Node })
	return append(peers, own...), nil
}

// list returns the live claims of the cluster that match the options.
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
		if v.Role.Quorum() { // only votes need the peers' roles
			if err := reader.Complete(ctx, &other, pvc); err != nil {
				return nil, err
			}
		}
		peers = append(peers, snapshots.NewPeer(other, pvc))
	}
	return peers, nil
}
