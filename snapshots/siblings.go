package snapshots

import "github.com/snapback-dev/snapback/api/v1alpha1"

// Disks returns the snapshots of the other volumes of a volume's node, by hash.
func Disks(v Volume, cluster map[string][]Snapshot) map[string][]Snapshot {
	disks := map[string][]Snapshot{}
	own := v.Hash()
	for hash, of := range cluster {
		if hash != own && len(of) > 0 && of[0].Node == v.Node {
			disks[hash] = of
		}
	}
	return disks
}

// sibling returns the runs from which another disk of the broker can be restored,
// and reports whether it was lost together with the disk whose snapshots are own.
// Without a claim these are the runs of all ready snapshots that its next claim may
// get; with one, the run of the snapshot that the claim was given.
func sibling(own, of []Snapshot, claim Peer) ([]RunKey, bool) {
	own, of = Candidates(own), Candidates(of)
	if claim.Name != "" {
		given := indexOfName(of, claim.Source)
		if given < 0 {
			return nil, false // it is well, or a person restored it from elsewhere
		}
		source := of[given].Run()
		of = without(of, func(s *Snapshot) bool { return !s.Scheduled.Before(claim.Created) })
		// A claim from before the newest snapshot has been in use since: it is not lost.
		return []RunKey{source}, lostTogether(own, of) && claim.Created.After(own[0].Scheduled)
	}
	var ready []RunKey
	for _, s := range sound(continuing(of, nil), nil) {
		if s.Ready {
			ready = append(ready, s.Run())
		}
	}
	return ready, len(ready) > 0 && lostTogether(own, of)
}

// lostTogether reports whether two disks were lost at the same time: their newest
// candidates are of the same run, or one run apart. A disk that was removed on
// purpose, or that had no snapshot for a long time, says nothing new about where
// a partition is.
func lostTogether(a, b []Snapshot) bool {
	return len(a) > 0 && len(b) > 0 && runsSince(a[0], b) <= 1 && runsSince(b[0], a) <= 1
}

// runsSince returns how many runs have taken one of these candidates since the
// snapshot was taken. Of several KafkaBackups the one with the most runs counts.
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
