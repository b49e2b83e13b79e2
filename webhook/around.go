package webhook

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/operators"
)

// lookAround finds out about the claim's node and neighbours what its decision
// depends on: its role, whether its volume has a live claim already, which
// votes of its quorum are there, and which disks of its broker were lost with
// it.
func (c *consideration) lookAround(ctx context.Context) error {
	reader := operators.NewReader(c.Live, c.Mapper)
	if err := reader.Complete(ctx, &c.claim.Volume, c.pvc); err != nil {
		return err
	}
	v := c.claim.Volume
	released := c.released(ctx)
	c.around.Released = released
	cluster, err := c.clusterSnapshots(ctx, v)
	if err != nil {
		return err
	}
	disks := byDisk(v, cluster)
	if !v.GeneratedName && !v.Role.Quorum() && len(disks) == 0 {
		return nil // nothing that its neighbours could change
	}
	fresh := v.Role.Quorum() // votes are counted as they are now
	for {
		peers, err := c.peers(ctx, v, reader, fresh)
		if err != nil {
			return err
		}
		c.around = snapshots.LookAround(v, c.known, disks, peers, cluster)
		c.around.Released = released
		if c.around.Duplicate == "" || fresh {
			return nil
		}
		fresh = true // it may be gone by now: nothing is refused for what was
	}
}

// released names the PersistentVolume that the newest snapshot was taken from,
// if it has outlived its claim. It is for a warning: a restore does not fail
// for it.
func (c *consideration) released(ctx context.Context) string {
	candidates := snapshots.Candidates(c.known)
	if len(candidates) == 0 || candidates[0].Annotations[snapshots.AnnotationSourcePV] == "" {
		return ""
	}
	var pv corev1.PersistentVolume
	name := types.NamespacedName{Name: candidates[0].Annotations[snapshots.AnnotationSourcePV]}
	err := c.Live.Get(ctx, name, &pv, &client.GetOptions{Raw: &metav1.GetOptions{ResourceVersion: "0"}})
	if client.IgnoreNotFound(err) != nil {
		log.FromContext(ctx).Error(err, "cannot tell whether the lost claim's volume is still there", "volume", name.Name)
	}
	if err != nil || pv.Status.Phase != corev1.VolumeReleased {
		return ""
	}
	return pv.Name
}

// clusterSnapshots lists the cached snapshots of the broker's other disks, or
// of all of the cluster for a volume that holds votes.
func (c *consideration) clusterSnapshots(ctx context.Context, v snapshots.Volume) ([]snapshots.Snapshot, error) {
	if v.Role.Quorum() {
		return c.snapshots(ctx, c.Cached, v, client.MatchingFields{byCluster: v.Cluster}, "")
	}
	return c.snapshots(ctx, c.Cached, v, client.MatchingFields{byBroker: brokerKey(v.Cluster, v.Broker)}, v.Hash())
}

// byDisk groups the snapshots of the broker's other disks by their volume.
func byDisk(v snapshots.Volume, cluster []snapshots.Snapshot) map[string][]snapshots.Snapshot {
	disks := map[string][]snapshots.Snapshot{}
	for _, s := range cluster {
		if s.Broker == v.Broker && s.Volume != v.Hash() {
			disks[s.Volume] = append(disks[s.Volume], s)
		}
	}
	return disks
}

// atHand lists from the apiserver's watch cache as it is, some milliseconds
// behind as a rule: waiting for it to catch up takes up to 100 ms whenever
// something is written. Two claims made within these milliseconds are found by
// the scheduler.
var atHand = &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: "0"}}

// peers lists the live claims of the cluster.
func (c *consideration) peers(ctx context.Context, v snapshots.Volume, reader *operators.Reader, fresh bool) ([]snapshots.Peer, error) {
	if len(v.Peers) == 0 {
		return nil, nil
	}
	var list corev1.PersistentVolumeClaimList
	options := []client.ListOption{client.InNamespace(v.Namespace), client.MatchingLabels(v.Peers)}
	if !fresh {
		options = append(options, atHand)
	}
	if err := c.Live.List(ctx, &list, options...); err != nil {
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
