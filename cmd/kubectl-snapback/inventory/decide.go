package inventory

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// IfLost returns what the webhook would decide if the volume's claim were lost and
// created again as it is. It is computed from what the caller may read; only a dry
// run gives the webhook's own answer.
func (i *Inventory) IfLost(v *Volume, now time.Time) snapshots.Decision {
	return i.ifLost(v, i.neighbours(v), now)
}

// ifLost is [Inventory.IfLost] for those who know the volume's neighbours.
func (i *Inventory) ifLost(v *Volume, around snapshots.Neighbours, now time.Time) snapshots.Decision {
	return i.cluster(v).Decide(i.lostClaim(v, around, now), now)
}

// Policy returns the policy that is in force for the volume.
func (i *Inventory) Policy(v *Volume) (snapshots.Policy, error) {
	return i.cluster(v).Policy(v.Volume, v.annotations())
}

// Good returns the volume's newest good snapshot, see [snapshots.Cluster.Good].
func (i *Inventory) Good(v *Volume) (snapshots.Snapshot, bool) {
	return i.cluster(v).Good(v.Volume, v.annotations())
}

// annotations returns those of the volume's live claim; none if it is lost.
func (v *Volume) annotations() map[string]string {
	if pvc := v.Claim(); pvc != nil {
		return pvc.Annotations
	}
	return nil
}

// lostClaim returns the claim that the operator would create.
func (i *Inventory) lostClaim(v *Volume, neighbours snapshots.Neighbours, now time.Time) snapshots.Claim {
	around := neighbours.Around(v.Volume, v.Snapshots, now)
	around.Duplicate = "" // its own claims are lost
	c := snapshots.Claim{Volume: v.Volume, Annotations: v.annotations(), VolumeMode: corev1.PersistentVolumeFilesystem, Around: around}
	if pvc := v.Claim(); pvc != nil {
		c.Request = pvc.Spec.Resources.Requests[corev1.ResourceStorage]
		if !v.asked {
			c.Request = i.templates.Request(pvc)
		}
		c.VolumeMode = ptr.Deref(pvc.Spec.VolumeMode, corev1.PersistentVolumeFilesystem)
		c.Driver = i.drivers[ptr.Deref(pvc.Spec.StorageClassName, "")]
		return c
	}
	// As its last one was: an operator asks for the same again.
	if candidates := snapshots.Candidates(v.Snapshots); len(candidates) > 0 {
		last := candidates[0]
		c.Driver = i.drivers[last.Annotations[v1alpha1.AnnotationStorageClassName]]
		c.Request = ptr.Deref(last.Size, c.Request)
		if request, ok := i.templates.Of(v.Namespace, last.SourcePVC); ok {
			c.Request = request
		}
		if last.VolumeMode != "" {
			c.VolumeMode = last.VolumeMode
		}
	}
	return c
}

// cluster returns what is known of the volume's cluster. Of the snapshots it has
// only the volume's.
func (i *Inventory) cluster(v *Volume) snapshots.Cluster {
	return snapshots.Cluster{
		Namespace: i.namespaces[v.Namespace].Annotations,
		Backups:   slices.DeleteFunc(i.parsed(v.Namespace), func(b snapshots.Backup) bool { return b.Cluster != v.Cluster }),
		Snapshots: map[string][]snapshots.Snapshot{v.Hash(): v.Snapshots},
	}
}

// neighbours returns the claims and snapshots of the volume's cluster.
func (i *Inventory) neighbours(v *Volume) snapshots.Neighbours {
	var peers []snapshots.Peer
	cluster := map[string][]snapshots.Snapshot{}
	for n := range i.Volumes {
		other := &i.Volumes[n]
		if other.Namespace != v.Namespace || other.Cluster != v.Cluster {
			continue
		}
		if len(other.Snapshots) > 0 {
			cluster[other.Hash()] = other.Snapshots
		}
		for _, pvc := range other.Claims {
			peers = append(peers, snapshots.NewPeer(other.Volume, pvc))
		}
	}
	return snapshots.NewNeighbours(peers, cluster)
}
