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
	a := Around{pace: paceOf(cluster)}
	live := map[string]Peer{}
	for _, p := range peers {
		if p.Deleting {
			continue
		}
		hash := p.Volume.Hash()
		if !live[hash].Bound { // of two claims, keep the one in use
			live[hash] = p
		}
		if hash == v.Hash() && v.GeneratedName {
			a.Duplicate = max(a.Duplicate, p.Name) // always the same one
		}
		if p.Source != "" && !p.Bound && p.Volume.Node != v.Node {
			a.Restoring++
		}
	}
	if v = v.Stricter(own); v.Role.Quorum() {
		a.Quorum = countQuorum(v, own, live, cluster, a.pace, now)
	}
	for hash, of := range Disks(v, cluster) {
		if runs, lost := sibling(own, of, live[hash]); lost {
			a.Siblings = append(a.Siblings, runs)
		}
	}
	return a
}
