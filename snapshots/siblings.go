package snapshots

import "github.com/snapback-dev/snapback/api/v1alpha1"

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

// sibling tells whether another disk of the broker was lost together with the
// one whose snapshots are own, and the runs it can be restored from: all that
// are ready while it has no claim, the one that it was given once it has.
func sibling(own, of []Snapshot, claim Peer) ([]RunKey, bool) {
	own, of = Candidates(own), Candidates(of)
	if claim.Name != "" {
		given := indexOfName(of, claim.Source)
		if given < 0 {
			return nil, false // it is well, or nobody's restore
		}
		source := of[given].Run()
		of = without(of, func(s *Snapshot) bool { return !s.Scheduled.Before(claim.Created) })
		// A claim from before the newest snapshot was in use since, and is not lost.
		return []RunKey{source}, lostTogether(own, of) && claim.Created.After(own[0].Scheduled)
	}
	var ready []RunKey
	for _, s := range of {
		if s.Ready {
			ready = append(ready, s.Run())
		}
	}
	return ready, len(ready) > 0 && lostTogether(own, of)
}

// lostTogether reports whether two disks were lost at the same time, by their
// candidates: the newest of both are of the same run, or one run apart. A disk
// that was removed on purpose, or that no snapshot could be taken of for long,
// has nothing newer to say about where a partition is.
func lostTogether(a, b []Snapshot) bool {
	return len(a) > 0 && len(b) > 0 && runsSince(a[0], b) <= 1 && runsSince(b[0], a) <= 1
}

// runsSince is how many runs have taken one of these candidates since the
// snapshot was taken; of several KafkaBackups the one with the most counts.
func runsSince(last Snapshot, candidates []Snapshot) int {
	most := 0
	runs := map[string]int{}
	for i := range candidates {
		s := &candidates[i]
		if !s.Scheduled.After(last.Scheduled) {
			break // the newest come first
		}
		backup := s.Annotations[v1alpha1.AnnotationBackupName]
		runs[backup]++
		most = max(most, runs[backup])
	}
	return most
}

func indexOfName(all []Snapshot, name string) int {
	for i := range all {
		if name != "" && all[i].Name == name {
			return i
		}
	}
	return -1
}
