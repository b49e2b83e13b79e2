package snapshots_test

import (
	"testing"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestMayHaveNewer asks at half past one.
func TestMayHaveNewer(t *testing.T) {
	one := time.Date(2026, time.December, 1, 13, 0, 0, 0, time.UTC)
	hourly := func() *snapshotstest.Backup {
		return snapshotstest.NewBackup("hourly", "kafka", "class").Schedule("@hourly")
	}
	parsed := func(b *snapshotstest.Backup) snapshots.Backup {
		backup, _ := snapshots.NewBackup(b.Obj())
		return backup.Lean()
	}
	ready := func(before time.Duration) snapshots.Snapshot {
		return snapshots.Snapshot{Scheduled: one.Add(-before), Ready: true, Cut: one.Add(-before)}
	}
	unready := func(before time.Duration) snapshots.Snapshot { return snapshots.Snapshot{Scheduled: one.Add(-before)} }
	deleting := func(before time.Duration) snapshots.Snapshot {
		s := unready(before)
		s.Deleting = true
		return s
	}
	for name, test := range map[string]struct {
		backup *snapshotstest.Backup
		role   snapshots.Role
		known  []snapshots.Snapshot
		want   bool
	}{
		"the last run is known":          {hourly(), "", []snapshots.Snapshot{ready(0), ready(time.Hour)}, false},
		"the last run is not":            {hourly(), "", []snapshots.Snapshot{ready(time.Hour), ready(2 * time.Hour)}, true},
		"nothing is known":               {hourly(), "", nil, true},
		"it was not ready":               {hourly(), "", []snapshots.Snapshot{unready(0), ready(time.Hour)}, true},
		"an older one was not ready":     {hourly(), "", []snapshots.Snapshot{ready(0), unready(time.Hour)}, false},
		"what is deleted says nothing":   {hourly(), "", []snapshots.Snapshot{deleting(0), ready(time.Hour)}, true},
		"made by hand since":             {hourly(), "", []snapshots.Snapshot{ready(-10 * time.Minute)}, false},
		"suspended":                      {hourly().Spec(func(s *v1alpha1.KafkaBackupSpec) { s.Suspend = true }), "", []snapshots.Snapshot{ready(5 * time.Hour)}, false},
		"no schedule that can be parsed": {hourly().Schedule("hourly"), "", []snapshots.Snapshot{ready(5 * time.Hour)}, false},
		"daily":                          {hourly().Schedule("@daily"), "", []snapshots.Snapshot{ready(5 * time.Hour)}, false},
		"not for the quorum": {hourly().Spec(func(s *v1alpha1.KafkaBackupSpec) { s.ExcludeQuorum = true }), snapshots.RoleController,
			[]snapshots.Snapshot{ready(5 * time.Hour)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := snapshots.Cluster{Backups: []snapshots.Backup{parsed(test.backup)}}
			if got := c.MayHaveNewer(snapshots.Volume{Role: test.role}, test.known, one.Add(30*time.Minute)); got != test.want {
				t.Errorf("%t, %t expected", got, test.want)
			}
		})
	}
}
