package snapshots

import (
	"slices"
	"time"
)

// MayHaveNewer reports whether a volume may have a newer snapshot that can be restored
// than the known ones, to somebody whose watch may have been silent: the newest known
// one was not ready, or a run has been due since. A snapshot that a person asked for in the
// meantime is not thought of.
func (c Cluster) MayHaveNewer(v Volume, known []Snapshot, now time.Time) bool {
	var newest, ready time.Time
	for i := range known {
		s := &known[i]
		if s.Deleting {
			continue
		}
		if s.Scheduled.After(newest) {
			newest = s.Scheduled
		}
		if s.Ready && s.Scheduled.After(ready) {
			ready = s.Scheduled
		}
	}
	return newest.After(ready) || slices.ContainsFunc(c.Backups, func(b Backup) bool {
		return !b.Excludes(v.Role) && b.due(newest, now)
	})
}

// due reports whether a run was due after one time, and until another one.
func (b Backup) due(after, until time.Time) bool {
	if b.Suspended || b.Times == nil {
		return false
	}
	next := b.Times.Next(after)
	return !next.IsZero() && !next.After(until)
}
