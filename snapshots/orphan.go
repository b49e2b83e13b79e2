package snapshots

import (
	"fmt"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Memory is what an operator remembers of a volume that has no claim.
type Memory string

// What operators remember.
const (
	MemoryUnknown Memory = ""     // it keeps no such thing, or has not begun to
	MemoryLost    Memory = "lost" // the volume was there, and was not removed on purpose
	MemoryNew     Memory = "new"  // the node or disk is new to it: its id was used before, and given up
)

// defaultOrphanAge is the age from which on an orphaned volume's snapshot is
// only restored if people say so.
const defaultOrphanAge = 7 * 24 * time.Hour

// pace is when each KafkaBackup has made the newest two runs of a cluster, the
// newest first.
type pace map[string][2]time.Time

// paceDepth is how many of a volume's newest snapshots are looked at for the
// pace of its cluster: two of each of several KafkaBackups.
const paceDepth = 16

// paceOf reads the pace off the snapshots of all volumes of a cluster.
func paceOf(cluster map[string][]Snapshot) pace {
	p := pace{}
	for _, of := range cluster {
		candidates := Candidates(of)
		for i := range candidates[:min(len(candidates), paceDepth)] {
			s := &candidates[i]
			backup := s.Annotations[v1alpha1.AnnotationBackupName]
			switch last := p[backup]; {
			case s.Scheduled.After(last[0]):
				p[backup] = [2]time.Time{s.Scheduled, last[0]}
			case s.Scheduled.Before(last[0]) && s.Scheduled.After(last[1]):
				p[backup] = [2]time.Time{last[0], s.Scheduled}
			}
		}
	}
	return p
}

// outlived reports whether the cluster has gone on without what a snapshot was
// taken of: a KafkaBackup has made more than one run since.
func (p pace) outlived(s Snapshot) bool {
	for _, last := range p {
		if last[1].After(s.Scheduled) {
			return true
		}
	}
	return false
}

// Outlived reports whether the cluster has gone on without a volume, since the
// newest of these snapshots of it. The others are those of all its volumes.
func Outlived(own []Snapshot, cluster map[string][]Snapshot) bool {
	return Around{pace: paceOf(cluster)}.HasOutlived(own)
}

// orphaned tells what the claim of a volume gets whose cluster has gone on
// without it: a broker that was scaled down and whose id comes back is a new
// one, and must not get the data of its namesake. The operator knows best, and
// then the new one's data is good from the start; else the age decides who is
// asked. chosen is the snapshot that the claim would get, newest the newest one:
// where they differ, a life has begun since that nobody has proven.
func orphaned(v Volume, policy Policy, around Around, chosen, newest Snapshot, now time.Time) (Decision, bool) {
	since := chosen.Scheduled.UTC().Format(time.RFC3339)
	_, before := policy.before() // people have chosen the time
	gone := around.Recalled || around.pace.outlived(chosen)
	anew := chosen.Name != newest.Name
	if !gone || chosen.marked(v1alpha1.AnnotationAdopt) { // a person's yes
		return Decision{}, false
	}
	if v.Memory == MemoryNew && around.pace.outlived(newest) && v.isOf(&newest) && (!v.Role.Quorum() || around.Quorum.majority()) {
		return Decision{Outcome: v1alpha1.OutcomeAllow, Reason: v1alpha1.ReasonScaledUp, Annotations: map[string]string{v1alpha1.AnnotationPromote: v1alpha1.ValueTrue}, Message: fmt.Sprintf(
			"%s starts empty: it is new to its operator, and the snapshots of its name, up to that of %s, are of one that was removed; annotate VolumeSnapshot %s with %s=true before the claim is made to get it",
			v, since, chosen.Name, v1alpha1.AnnotationRestoreNext)}, true
	}
	if v.Memory == MemoryLost && !anew {
		return Decision{}, false
	}
	if now.Sub(chosen.Scheduled) > policy.orphanAge() && !before {
		return unusable(v1alpha1.ReasonOrphaned, fmt.Sprintf(
			"it is of %s, and the cluster's backups have gone on without this volume since then, so it may be of a broker or disk that was removed: annotate VolumeSnapshot %s with %s=true to restore it, or raise %s (%s)",
			since, chosen.Name, v1alpha1.AnnotationRestoreNext, v1alpha1.AnnotationRestoreOrphanAge, policy.orphanAge()), v, policy), true
	}
	return Decision{}, false
}

// isOf reports whether a snapshot is known to be of the very cluster that the
// volume is of: what an operator does not remember of a cluster that was made
// anew, or has come from elsewhere, is no proof that it was removed.
func (v Volume) isOf(s *Snapshot) bool {
	return !s.Imported && v.ClusterUID != "" && s.Annotations[v1alpha1.AnnotationClusterUID] == v.ClusterUID
}
