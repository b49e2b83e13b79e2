package snapshots

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Peer is a live claim of the cluster.
type Peer struct {
	Name     string
	Volume   Volume
	Created  time.Time
	Deleting bool
	Bound    bool
	Source   string // name of the VolumeSnapshot that it is filled from
}

// NewPeer reads a claim of the volume.
func NewPeer(v Volume, pvc *corev1.PersistentVolumeClaim) Peer {
	p := Peer{
		Name:     pvc.Name,
		Volume:   v,
		Created:  pvc.CreationTimestamp.Time,
		Deleting: pvc.DeletionTimestamp != nil,
		Bound:    pvc.Status.Phase == corev1.ClaimBound,
	}
	if source := pvc.Spec.DataSource; source != nil && source.Kind == "VolumeSnapshot" {
		p.Source = source.Name
	}
	return p
}

// LookAround tells what the claims and snapshots around a volume mean for its
// restore. own are the volume's snapshots, cluster those of all volumes of its
// cluster that are known, by hash.
func LookAround(v Volume, own []Snapshot, peers []Peer, cluster map[string][]Snapshot) Around {
	var a Around
	live := map[string]Peer{}
	for _, p := range peers {
		if p.Deleting {
			continue
		}
		hash := p.Volume.Hash()
		live[hash] = p
		if hash == v.Hash() && v.GeneratedName {
			a.Duplicate = max(a.Duplicate, p.Name) // the same one each time
		}
		if p.Source != "" && !p.Bound && p.Volume.Broker != v.Broker {
			a.Restoring++
		}
	}
	if v.Role.Quorum() {
		a.Quorum = countQuorum(v, live, cluster)
	}
	for hash, of := range Disks(v, cluster) {
		if runs, lost := lostTogether(own, of, live[hash]); lost {
			a.Siblings = append(a.Siblings, runs)
		}
	}
	return a
}

// Disks are the snapshots of the other volumes of a volume's broker, by hash.
func Disks(v Volume, cluster map[string][]Snapshot) map[string][]Snapshot {
	disks := map[string][]Snapshot{}
	own := v.Hash()
	for hash, of := range cluster {
		if hash != own && len(of) > 0 && of[0].Broker == v.Broker {
			disks[hash] = of
		}
	}
	return disks
}

// lostTogether tells whether another disk of the broker was lost together with
// the one whose snapshots are own, and the runs it can be restored from: all
// that are ready while it has no claim, the one that it was given once it has.
func lostTogether(own, of []Snapshot, claim Peer) ([]RunKey, bool) {
	var ready []RunKey
	for _, s := range Candidates(of) {
		if s.Name == claim.Source && claim.Source != "" {
			newest := Candidates(own)
			// A claim from before the newest snapshot was in use since, and is not lost.
			return []RunKey{s.Run()}, len(newest) > 0 && claim.Created.After(newest[0].Scheduled)
		}
		if s.Ready {
			ready = append(ready, s.Run())
		}
	}
	return ready, claim.Name == "" && len(ready) > 0
}

// countQuorum counts the volumes that hold votes: those with a live claim, and
// those of which snapshots tell.
func countQuorum(v Volume, live map[string]Peer, cluster map[string][]Snapshot) Quorum {
	members := map[string]bool{v.Hash(): true}
	var q Quorum
	for hash, p := range live {
		if p.Volume.Role.Quorum() && hash != v.Hash() {
			members[hash] = true
			if p.Bound {
				q.Bound++
			}
		}
	}
	for hash, of := range cluster {
		if slices.ContainsFunc(of, func(s Snapshot) bool { return s.Role.Quorum() }) {
			members[hash] = true
		}
	}
	q.Members = len(members)
	return q
}
