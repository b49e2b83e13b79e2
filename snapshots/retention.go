package snapshots

import (
	"slices"
	"time"
)

// minKept is the number of ready snapshots of a volume, per KafkaBackup, that
// are never pruned: the newest may just have been given to a claim that the
// apiserver has not stored yet, while the next becomes ready.
const minKept = 2

// Retention is what a KafkaBackup keeps. Zero fields keep everything.
type Retention struct {
	Time  time.Duration // since the scheduled time
	Count int           // ready snapshots of each volume
}

// Prunable returns which snapshots of one KafkaBackup may go now. Only ready
// ones count and go; the newest two of each volume, held ones, and those in
// inUse, by name, stay. A snapshot that is still being taken, or failed, is
// neither counted nor returned.
func (r Retention) Prunable(all []Snapshot, inUse map[string]bool, now time.Time) []Snapshot {
	if r.Time == 0 && r.Count == 0 {
		return nil
	}
	byVolume := map[string][]Snapshot{}
	for _, s := range all {
		if s.Ready && !s.Deleting {
			byVolume[s.Volume] = append(byVolume[s.Volume], s)
		}
	}
	var prunable []Snapshot
	for _, volume := range byVolume {
		slices.SortFunc(volume, newestFirst)
		for i, s := range volume {
			old := r.Time > 0 && now.Sub(s.Scheduled) > r.Time
			over := r.Count > 0 && i >= r.Count
			if i >= minKept && (old || over) && !s.Held && !inUse[s.Name] {
				prunable = append(prunable, s)
			}
		}
	}
	slices.SortFunc(prunable, func(a, b Snapshot) int { return newestFirst(b, a) })
	return prunable
}
