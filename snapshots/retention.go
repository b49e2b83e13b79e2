package snapshots

import (
	"slices"
	"time"
)

// minKept is the number of ready snapshots of a volume, per KafkaBackup, that
// are never pruned: the newest may just have been given to a claim that the
// apiserver has not stored yet, while the next becomes ready.
const minKept = 2

// failedGrace is how long a snapshot that the driver failed to take stays, so
// that people see its error and the snapshot controller can still retry it.
const failedGrace = 24 * time.Hour

// Retention is what a KafkaBackup keeps. Zero fields keep everything.
type Retention struct {
	Time  time.Duration // since the scheduled time
	Count int           // ready snapshots of each volume
}

// Prunable returns which snapshots of one KafkaBackup may go now, the oldest
// first: ready ones that have outlived the retention, and failed ones, which
// hold nothing, after a day. Held ones, and those in inUse, by name, stay.
func (r Retention) Prunable(all []Snapshot, inUse map[string]bool, now time.Time) []Snapshot {
	byVolume := map[string][]Snapshot{}
	for _, s := range all {
		if !s.Deleting {
			byVolume[s.Volume] = append(byVolume[s.Volume], s)
		}
	}
	var prunable []Snapshot
	for _, volume := range byVolume {
		for _, s := range r.outlived(volume, now) {
			if !s.Held && !inUse[s.Name] {
				prunable = append(prunable, s)
			}
		}
	}
	slices.SortFunc(prunable, func(a, b Snapshot) int { return newestFirst(b, a) })
	return prunable
}

// outlived returns the snapshots of one volume that the retention lets go.
// Those of proven lineages are counted apart: the snapshots of a volume that
// came back empty push out none of them. The newest two ready ones stay, of
// all and of the proven, and the newest of each lineage. An abandoned one is
// no substitute for any: it is not counted.
func (r Retention) outlived(volume []Snapshot, now time.Time) []Snapshot {
	good := provenLineages(volume)
	slices.SortFunc(volume, newestFirst)
	var outlived []Snapshot
	newer, newerProven := 0, 0
	represented := map[string]bool{} // lineages that have a newer one
	for _, s := range volume {
		age := now.Sub(s.Scheduled)
		if s.failed() && age > failedGrace {
			outlived = append(outlived, s)
		}
		if !s.Ready || s.marked(AnnotationAbandoned) {
			continue
		}
		rank := newer
		if good[s.Lineage.ID] {
			rank = newerProven
			newerProven++
		}
		newer++
		old := r.Time > 0 && age > r.Time
		over := r.Count > 0 && rank >= r.Count
		if rank >= minKept && represented[s.Lineage.ID] && (old || over) {
			outlived = append(outlived, s)
		}
		represented[s.Lineage.ID] = true
	}
	return outlived
}

// failed reports whether the driver could not take the snapshot: there is
// nothing to restore, and an error.
func (s Snapshot) failed() bool {
	return !s.Ready && s.Cut.IsZero() && s.Failure != ""
}
