package drill

import (
	"time"

	"github.com/snapback-dev/snapback/snapshots"
)

// lossCounts is how long a run shows that a claim is lost. A volume that was removed
// on purpose must not hold up the drills of its cluster until the next run, which may
// be a year away, or never come.
const lossCounts = 24 * time.Hour

// lost returns the name of a claim that is gone since the last run of one of the
// KafkaBackups; empty: there is none. It is about to be restored, or was removed on
// purpose. live has the hashes of the volumes that have a claim.
func lost(all []snapshots.Snapshot, backups, live map[string]bool, now time.Time) string {
	counts := func(s *snapshots.Snapshot) bool {
		age := now.Sub(s.Scheduled)
		return backups[s.Run().Backup] && s.Unreadable == "" && !s.Relabelled && !s.Imported && age >= 0 && age < lossCounts
	}
	last := map[string]time.Time{}
	for i := range all {
		if s := &all[i]; counts(s) && s.Scheduled.After(last[s.Run().Backup]) {
			last[s.Run().Backup] = s.Scheduled
		}
	}
	for i := range all {
		if s := &all[i]; counts(s) && s.Scheduled.Equal(last[s.Run().Backup]) && !live[s.Volume] {
			return s.SourcePVC
		}
	}
	return ""
}
