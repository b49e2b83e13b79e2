package snapshots

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Peer is a live claim of the cluster.
type Peer struct {
	Name     string
	UID      types.UID
	Volume   Volume
	Created  time.Time
	Deleting bool
	Bound    bool
	PV       string // name of the PersistentVolume that it is bound to; empty: none
	Source   string // name of the VolumeSnapshot that it is filled from; empty: none
	Filled   bool   // it has a source of any kind
	Promoted bool   // a person has said that its data is good
}

// NewPeer returns the Peer of a live claim, which is of this volume.
func NewPeer(v Volume, pvc *corev1.PersistentVolumeClaim) Peer {
	return Peer{
		Name:     pvc.Name,
		UID:      pvc.UID,
		Volume:   v,
		Created:  pvc.CreationTimestamp.Time,
		Deleting: pvc.DeletionTimestamp != nil,
		Bound:    pvc.Status.Phase == corev1.ClaimBound,
		PV:       pvc.Spec.VolumeName,
		Source:   SourceOf(pvc),
		Filled:   Filled(pvc),
		Promoted: pvc.Annotations[v1alpha1.AnnotationPromote] == v1alpha1.ValueTrue,
	}
}

// LookAround returns the facts that the claims and snapshots around a volume add
// to its restore. own holds the volume's snapshots; cluster holds those of all
// known volumes of its cluster, by hash, the newest first.
func LookAround(v Volume, own []Snapshot, peers []Peer, cluster map[string][]Snapshot, now time.Time) Around {
	return NewNeighbours(peers, cluster).Around(v, own, now)
}

// Neighbours are the live claims of a cluster and the snapshots of its volumes. What
// is the same for each of its volumes is found once: a cluster may have a thousand.
type Neighbours struct {
	live      map[string]Peer   // by hash of the volume; of two claims the one in use
	last      map[string]string // the last name of the volume's claims, by hash
	restoring []string          // nodes of the claims that are being restored
	cluster   map[string][]Snapshot
	pace      pace
}

// NewNeighbours returns the neighbours in a cluster. Their snapshots are by hash of
// the volume, the newest first.
func NewNeighbours(peers []Peer, cluster map[string][]Snapshot) Neighbours {
	n := Neighbours{live: map[string]Peer{}, last: map[string]string{}, cluster: cluster, pace: paceOf(cluster)}
	for _, p := range peers {
		if p.Deleting {
			continue
		}
		hash := p.Volume.Hash()
		if !n.live[hash].Bound { // of two claims, keep the one in use
			n.live[hash] = p
		}
		n.last[hash] = max(n.last[hash], p.Name) // always the same one
		if p.Source != "" && !p.Bound {
			n.restoring = append(n.restoring, p.Volume.Node)
		}
	}
	return n
}

// Around returns the facts that the neighbours add to the restore of a volume. own
// holds its snapshots.
func (n Neighbours) Around(v Volume, own []Snapshot, now time.Time) Around {
	a := Around{pace: n.pace}
	if v.GeneratedName {
		a.Duplicate = n.last[v.Hash()]
	}
	for _, node := range n.restoring {
		if node != v.Node {
			a.Restoring++
		}
	}
	if v = v.Stricter(own); v.Role.Quorum() {
		a.Quorum = countQuorum(v, own, n.live, n.cluster, a.pace, now)
	}
	for hash, of := range Disks(v, n.cluster) {
		if runs, lost := sibling(own, of, n.live[hash]); lost {
			a.Siblings = append(a.Siblings, runs)
		}
	}
	return a
}
