package snapshots

import (
	"fmt"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Memory says what an operator remembers of a volume that has no claim.
type Memory string

// What operators remember.
const (
	MemoryUnknown Memory = ""     // the operator keeps no such record, or not yet
	MemoryLost    Memory = "lost" // the volume existed, and was not removed on purpose
	MemoryNew     Memory = "new"  // the node or disk is new to the operator: its id was used before, and given up
)

// defaultOrphanAge is the age above which an orphaned volume's snapshot is
// restored only if a person asks for it.
const defaultOrphanAge = 7 * 24 * time.Hour

// pace holds the times of the newest two runs of each KafkaBackup of a cluster,
// the newest first.
type pace map[string][2]time.Time

// paceDepth is how many of a volume's newest snapshots count for the pace of its
// cluster: enough for two of each of several KafkaBackups.
const paceDepth = 16

// paceOf returns the pace that the snapshots of all volumes of a cluster show. Of
// each volume the newest come first, and only these are looked at: a cluster may
// have tens of thousands.
func paceOf(cluster map[string][]Snapshot) pace {
	p := pace{}
	for _, of := range cluster {
		left := paceDepth
		for i := 0; i < len(of) && left > 0; i++ {
			s := &of[i]
			if s.unrestorable() != "" {
				continue
			}
			left--
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

// outlived reports whether the cluster has gone on without the volume of the
// snapshot: a KafkaBackup has made more than one run since.
func (p pace) outlived(s Snapshot) bool {
	for _, last := range p {
		if last[1].After(s.Scheduled) {
			return true
		}
	}
	return false
}

// Outlived reports whether the cluster has gone on without a volume since the
// newest snapshot of it. own holds the volume's snapshots, cluster those of all
// volumes of the cluster, in any order.
func Outlived(own []Snapshot, cluster map[string][]Snapshot) bool {
	sorted := make(map[string][]Snapshot, len(cluster))
	for hash, of := range cluster {
		sorted[hash] = Candidates(of)
	}
	return Around{pace: paceOf(sorted)}.HasOutlived(own)
}

// orphaned decides about the claim of a volume without which its cluster has gone
// on. A broker that was scaled down and whose id comes back is a new broker: it
// must not get the data of the old one. If the operator says that it is new, it
// starts empty, and its data is good from the start. Otherwise a person must
// decide about a snapshot above a certain age. chosen is the snapshot that the
// claim would get, newest the newest one. If they differ, and the newest is not
// just damaged, a later lineage has begun that is not proven.
func orphaned(v Volume, policy Policy, around Around, chosen choice, newest Snapshot, now time.Time) (Decision, bool) {
	since := chosen.Scheduled.UTC().Format(time.RFC3339)
	_, before := policy.before() // people have chosen the time of the data
	gone := around.Recalled || around.pace.outlived(chosen.last)
	anew := chosen.last.Name != newest.Name
	if !gone || chosen.marked(v1alpha1.AnnotationAdopt) { // a person allows it
		return Decision{}, false
	}
	if v.Memory == MemoryNew && around.pace.outlived(newest) && v.isOf(&newest) && (!v.Role.Quorum() || around.Quorum.majority()) {
		return Decision{Outcome: v1alpha1.OutcomeAllow, Reason: v1alpha1.ReasonScaledUp, Annotations: map[string]string{v1alpha1.AnnotationPromote: v1alpha1.ValueTrue}, Message: fmt.Sprintf(
			"%s starts empty: it is new to its operator, and the snapshots under its name, up to that of %s, are of an earlier one that was removed; to get that data, annotate VolumeSnapshot %s with %s=true before the claim is created",
			v, since, chosen.Name, v1alpha1.AnnotationRestoreNext)}, true
	}
	if v.Memory == MemoryLost && !anew {
		return Decision{}, false
	}
	if now.Sub(chosen.last.Scheduled) > policy.orphanAge() && !before {
		return unusable(v1alpha1.ReasonOrphaned, fmt.Sprintf(
			"it is of %s, and the cluster's backups have gone on without this volume since then, so it may be of a broker or disk that was removed: annotate VolumeSnapshot %s with %s=true to restore it, or raise %s (%s)%s",
			since, chosen.Name, v1alpha1.AnnotationRestoreNext, v1alpha1.AnnotationRestoreOrphanAge, policy.orphanAge(), chosen.besides()), v, policy), true
	}
	return Decision{}, false
}

// isOf reports whether a snapshot is surely of the volume's own cluster. If the
// cluster was created again, or comes from elsewhere, its operator does not
// remember the volume either, and that is no proof that it was removed.
func (v Volume) isOf(s *Snapshot) bool {
	return !s.Imported && v.ClusterUID != "" && s.Annotations[v1alpha1.AnnotationClusterUID] == v.ClusterUID
}
