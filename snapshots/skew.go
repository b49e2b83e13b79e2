package snapshots

import (
	"iter"
	"time"
)

// MaxSkew is the longest time between the first and the last cut of a run whose disks
// still fit together, unless a person allows more. The disks of a quorum are cut up to
// two minutes after the brokers'.
const MaxSkew = 5 * time.Minute

// Cuts returns the first and the last cut of snapshots, by the storage's clock;
// zero if there are none.
func Cuts(all iter.Seq[*Snapshot]) (first, last time.Time) {
	for s := range all {
		if first.IsZero() || s.Cut.Before(first) {
			first = s.Cut
		}
		if s.Cut.After(last) {
			last = s.Cut
		}
	}
	return first, last
}
