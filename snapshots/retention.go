package snapshots

import (
	"slices"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// minKept is the number of ready snapshots of a volume, per KafkaBackup, that
// are never pruned. It is two: the webhook may just have given the newest one to
// a claim that the apiserver has not stored yet, when the next becomes ready.
const minKept = 2

// failedGrace is how long a snapshot is kept that the driver failed to take.
// People can see its error, and the snapshot controller can still retry it.
const failedGrace = 24 * time.Hour

// Retention says which snapshots a KafkaBackup keeps. A zero field keeps all.
type Retention struct {
	Time  time.Duration // the greatest age, counted from the scheduled time
	Count int           // the number of ready snapshots of each volume
}

// Kept is the reason why a snapshot is kept beyond the retention.
type Kept string

// Why snapshots stay.
const (
	KeptAbandoned Kept = "abandoned" // see [v1alpha1.AnnotationAbandoned]
	KeptHeld      Kept = "held"      // a person holds it
	KeptInUse     Kept = "in_use"    // a Pending claim waits for it
	KeptMinimum   Kept = "minimum"   // it is one of the newest two
	KeptLineage   Kept = "lineage"   // it is the newest of its lineage
	KeptLocked    Kept = "locked"    // the storage would refuse to delete it, see [Snapshot.LockedUntil]
	KeptFrozen    Kept = "frozen"    // the KafkaBackup is frozen
)

// KeptReasons lists all of these reasons.
var KeptReasons = []Kept{KeptAbandoned, KeptHeld, KeptInUse, KeptMinimum, KeptLineage, KeptLocked, KeptFrozen}

// keptSays are the reasons in words.
var keptSays = map[Kept]string{
	KeptAbandoned: "left aside by a restore",
	KeptHeld:      "held",
	KeptInUse:     "a claim waits for it",
	KeptMinimum:   "one of the newest two",
	KeptLineage:   "the newest of its lineage",
	KeptLocked:    "locked by the storage",
	KeptFrozen:    "the KafkaBackup is frozen",
}

// Says returns the reason in words.
func (k Kept) Says() string { return keptSays[k] }

// Prunable returns the snapshots of one KafkaBackup that may be deleted now, the
// oldest first: ready ones that have outlived the retention, and failed ones,
// which hold no data, after a day. Held ones are kept, and those whose name is
// in inUse.
func (r Retention) Prunable(all []Snapshot, inUse map[string]bool, now time.Time) []Snapshot {
	var prunable []Snapshot
	for _, o := range r.outlived(all, inUse, now) {
		if o.kept == "" {
			prunable = append(prunable, *o.Snapshot)
		}
	}
	slices.SortFunc(prunable, func(a, b Snapshot) int { return newestFirst(b, a) })
	return prunable
}

// Beyond returns the ready snapshots that are kept although they have outlived
// the retention, by the reason. If frozen is set, it includes those that would
// otherwise be deleted.
func (r Retention) Beyond(all []Snapshot, inUse map[string]bool, frozen bool, now time.Time) map[Kept][]Snapshot {
	beyond := map[Kept][]Snapshot{}
	for _, o := range r.outlived(all, inUse, now) {
		if o.kept == "" && frozen {
			o.kept = KeptFrozen
		}
		if o.kept != "" && o.Ready {
			beyond[o.kept] = append(beyond[o.kept], *o.Snapshot)
		}
	}
	return beyond
}

// outlived is a snapshot beyond the retention's limits, with the reason why it is
// kept; empty: it is not kept.
type outlived struct {
	*Snapshot
	kept Kept
}

func (r Retention) outlived(all []Snapshot, inUse map[string]bool, now time.Time) []outlived {
	var found []outlived
	for _, volume := range ByVolume(all) {
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

// outlivedOf returns the snapshots of one volume beyond the retention's limits.
// Snapshots of proven lineages are counted separately, so that snapshots of a
// volume that came back empty push none of them out. The newest two ready ones of
// all, the newest two of the proven, and the newest of each lineage are kept. A
// damaged one replaces only other damaged ones: they do not pile up, and push out
// none that is sound. An abandoned or relabelled snapshot replaces no other.
func (r Retention) outlivedOf(volume []Snapshot, now time.Time) []outlived {
	volume = NewestFirst(without(volume, func(s *Snapshot) bool { return s.Deleting }))
	if r.covers(volume, now) {
		return nil
	}
	good := provenLineages(volume)
	var found []outlived
	whole, all := &tally{}, &tally{} // without the damaged ones, and with them
	for i := range volume {
		s := &volume[i]
		age := now.Sub(s.Scheduled)
		old := r.Time > 0 && age > r.Time
		if s.failed() && age > failedGrace {
			found = append(found, outlived{Snapshot: s})
		}
		if !s.Ready {
			continue
		}
		newer := whole
		if s.Damaged {
			newer = all
		}
		rank := newer.rank(s, good)
		over := r.Count > 0 && rank >= r.Count
		o := outlived{Snapshot: s}
		switch {
		case rank < minKept:
			o.kept = KeptMinimum
		case !newer.lineages.has(s.Lineage.ID):
			o.kept = KeptLineage
		case s.lockedAt(now): // once its deletion is asked for, nothing is restored from it, and it stays
			o.kept = KeptLocked
		}
		if old || over {
			found = append(found, o)
		}
		if s.marked(v1alpha1.AnnotationAbandoned) || s.Relabelled {
			continue
		}
		all.count(s, good)
		if !s.Damaged {
			whole.count(s, good)
		}
	}
	return found
}

// covers reports whether the limits keep all these snapshots of a volume, the newest of
// which is the first: as after each pruning.
func (r Retention) covers(volume []Snapshot, now time.Time) bool {
	n := len(volume)
	return (n == 0 || r.Time <= 0 || now.Sub(volume[n-1].Scheduled) <= r.Time) && (r.Count <= 0 || n <= r.Count) &&
		!contains(volume, func(s *Snapshot) bool { return s.failed() })
}

// tally counts the newer ready snapshots of a volume.
type tally struct {
	all, proven int
	lineages    lineages
}

// rank returns how many of them are newer and count for the snapshot. For one of a
// proven lineage these are the proven ones.
func (t *tally) rank(s *Snapshot, good lineages) int {
	if good.has(s.Lineage.ID) {
		return t.proven
	}
	return t.all
}

func (t *tally) count(s *Snapshot, good lineages) {
	t.all++
	t.lineages = t.lineages.with(s.Lineage.ID)
	if good.has(s.Lineage.ID) {
		t.proven++
	}
}

// failed reports whether the driver could not take the snapshot: it holds no
// data, and has an error.
func (s *Snapshot) failed() bool {
	return !s.Ready && s.Cut.IsZero() && s.Failure != ""
}
