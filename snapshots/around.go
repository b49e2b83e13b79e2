package snapshots

import (
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
// restore. own are the volume's snapshots, disks those of the broker's other
// volumes, by hash, cluster those of which quorum volumes are known.
func LookAround(v Volume, own []Snapshot, disks map[string][]Snapshot, peers []Peer, cluster []Snapshot) Around {
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
	for hash, of := range disks {
		if runs, lost := lostTogether(own, of, live[hash]); lost {
			a.Siblings = append(a.Siblings, runs)
		}
	}
	return a
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
func countQuorum(v Volume, live map[string]Peer, cluster []Snapshot) Quorum {
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
	for _, s := range cluster {
		if s.Role.Quorum() {
			members[s.Volume] = true
		}
	}
	q.Members = len(members)
	return q
}
