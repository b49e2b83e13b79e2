package snapshots

import (
	"slices"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
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

// Kept says why a snapshot stays that the retention alone would let go.
type Kept string

// Why snapshots stay.
const (
	KeptAbandoned Kept = "abandoned" // see [v1alpha1.AnnotationAbandoned]
	KeptHeld      Kept = "held"      // by a person
	KeptInUse     Kept = "in_use"    // a Pending claim waits for it
	KeptMinimum   Kept = "minimum"   // of the newest two
	KeptLineage   Kept = "lineage"   // the newest of its lineage
	KeptFrozen    Kept = "frozen"    // nothing goes now
)

// KeptReasons lists them all.
var KeptReasons = []Kept{KeptAbandoned, KeptHeld, KeptInUse, KeptMinimum, KeptLineage, KeptFrozen}

// Prunable returns which snapshots of one KafkaBackup may go now, the oldest
// first: ready ones that have outlived the retention, and failed ones, which
// hold nothing, after a day. Held ones, and those in inUse, by name, stay.
func (r Retention) Prunable(all []Snapshot, inUse map[string]bool, now time.Time) []Snapshot {
	var prunable []Snapshot
	for _, o := range r.outlived(all, inUse, now) {
		if o.kept == "" {
			prunable = append(prunable, o.Snapshot)
		}
	}
	slices.SortFunc(prunable, func(a, b Snapshot) int { return newestFirst(b, a) })
	return prunable
}

// Beyond returns the ready snapshots that are kept although they have outlived
// the retention, by why. Frozen, those that would go else are among them.
func (r Retention) Beyond(all []Snapshot, inUse map[string]bool, frozen bool, now time.Time) map[Kept][]Snapshot {
	beyond := map[Kept][]Snapshot{}
	for _, o := range r.outlived(all, inUse, now) {
		if o.kept == "" && frozen {
			o.kept = KeptFrozen
		}
		if o.kept != "" && o.Ready {
			beyond[o.kept] = append(beyond[o.kept], o.Snapshot)
		}
	}
	return beyond
}

// outlived is a snapshot that the limits let go, and why it is kept all the
// same; empty: it is not.
type outlived struct {
	Snapshot
	kept Kept
}

func (r Retention) outlived(all []Snapshot, inUse map[string]bool, now time.Time) []outlived {
	byVolume := map[string][]Snapshot{}
	for _, s := range all {
		if !s.Deleting {
			byVolume[s.Volume] = append(byVolume[s.Volume], s)
		}
	}
	var found []outlived
	for _, volume := range byVolume {
		for _, o := range r.outlivedOf(volume, now) {
			switch {
			case o.marked(v1alpha1.AnnotationAbandoned):
				o.kept = KeptAbandoned
			case o.Held:
				o.kept = KeptHeld
			case inUse[o.Name]:
				o.kept = KeptInUse
			}
			found = append(found, o)
		}
	}
	return found
}

// outlivedOf returns the snapshots of one volume that the limits let go. Those
// of proven lineages are counted apart: the snapshots of a volume that came back
// empty push out none of them. The newest two ready ones stay, of all and of the
// proven, and the newest of each lineage. An abandoned one is no substitute for
// any: it is not counted, and neither is one that was relabelled.
func (r Retention) outlivedOf(volume []Snapshot, now time.Time) []outlived {
	good := provenLineages(volume)
	slices.SortFunc(volume, newestFirst)
	var found []outlived
	newer, newerProven := 0, 0
	represented := map[string]bool{} // lineages that have a newer one
	for _, s := range volume {
		age := now.Sub(s.Scheduled)
		old := r.Time > 0 && age > r.Time
		if s.failed() && age > failedGrace {
			found = append(found, outlived{Snapshot: s})
		}
		if !s.Ready {
			continue
		}
		rank := newer
		if good[s.Lineage.ID] {
			rank = newerProven
		}
		over := r.Count > 0 && rank >= r.Count
		o := outlived{Snapshot: s}
		switch {
		case rank < minKept:
			o.kept = KeptMinimum
		case !represented[s.Lineage.ID]:
			o.kept = KeptLineage
		}
		if old || over {
			found = append(found, o)
		}
		if s.marked(v1alpha1.AnnotationAbandoned) || s.Relabelled {
			continue
		}
		if good[s.Lineage.ID] {
			newerProven++
		}
		newer++
		represented[s.Lineage.ID] = true
	}
	return found
}

// failed reports whether the driver could not take the snapshot: there is
// nothing to restore, and an error.
func (s Snapshot) failed() bool {
	return !s.Ready && s.Cut.IsZero() && s.Failure != ""
}
