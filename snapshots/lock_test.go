package snapshots_test

import (
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/snapshots"
)

func TestLockOf(t *testing.T) {
	in := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339) }
	for name, test := range map[string]struct {
		driver     string
		parameters map[string]string
		locked     time.Duration
		mode       string
	}{
		"no parameters": {},
		"days":          {parameters: map[string]string{"lockMode": "governance", "lockDuration": "7"}, locked: 7 * day, mode: "governance"},
		"in any case":   {parameters: map[string]string{"LOCKMODE": "compliance", "lockduration": "1"}, locked: day, mode: snapshots.LockCompliance},
		"the longest":   {parameters: map[string]string{"lockMode": "governance", "lockDuration": "36500"}, locked: 36500 * day, mode: "governance"},
		"too long":      {parameters: map[string]string{"lockMode": "governance", "lockDuration": "36501"}, mode: "governance"},
		"no days":       {parameters: map[string]string{"lockMode": "governance", "lockDuration": "0"}, mode: "governance"},
		"not a number":  {parameters: map[string]string{"lockMode": "governance", "lockDuration": "1d"}, mode: "governance"},
		"until a date": {parameters: map[string]string{"lockMode": "compliance", "lockExpirationDate": in(30 * time.Hour), "lockCoolOffPeriod": "24"},
			locked: 30 * time.Hour, mode: snapshots.LockCompliance},
		"until a date in the past": {parameters: map[string]string{"lockMode": "governance", "lockExpirationDate": in(-time.Hour)}, mode: "governance"},
		"not a date":               {parameters: map[string]string{"lockMode": "governance", "lockExpirationDate": "tomorrow"}, mode: "governance"},
		"the longer of two": {parameters: map[string]string{"lockMode": "governance", "lockDuration": "1", "lockExpirationDate": in(30 * time.Hour)},
			locked: 30 * time.Hour, mode: "governance"},
		"the storage refuses a lock without a mode": {parameters: map[string]string{"lockDuration": "7"}},
		"of another driver":                         {driver: "pd.csi.storage.gke.io", parameters: map[string]string{"lockMode": "governance", "lockDuration": "7"}},
	} {
		class := &snapshotv1.VolumeSnapshotClass{Driver: snapshots.DriverEBS, Parameters: test.parameters}
		if test.driver != "" {
			class.Driver = test.driver
		}
		locked, is := snapshots.LockOf(class, now)
		if is != (test.locked > 0) || is && locked != test.locked {
			t.Errorf("%s: locked %v for %s, want %s", name, is, locked, test.locked)
		}
		if mode := snapshots.LockMode(class); mode != test.mode {
			t.Errorf("%s: mode %q, want %q", name, mode, test.mode)
		}
	}
}

func TestRetentionShorterThanLock(t *testing.T) {
	const lock = 7 * day
	for name, test := range map[string]struct {
		snapshots.Retention
		period time.Duration
		want   bool
	}{
		"no retention":                           {period: time.Hour},
		"a shorter time":                         {Retention: snapshots.Retention{Time: lock - 1}, period: time.Hour, want: true},
		"as long as the lock":                    {Retention: snapshots.Retention{Time: lock}, period: time.Hour},
		"a shorter time, of unknown period":      {Retention: snapshots.Retention{Time: lock - 1}, want: true},
		"too few":                                {Retention: snapshots.Retention{Count: 167}, period: time.Hour, want: true},
		"as many as are taken":                   {Retention: snapshots.Retention{Count: 168}, period: time.Hour},
		"a number, of unknown period":            {Retention: snapshots.Retention{Count: 2}},
		"few, and a longer time":                 {Retention: snapshots.Retention{Time: 2 * lock, Count: 2}, period: time.Hour, want: true},
		"many, and a shorter time":               {Retention: snapshots.Retention{Time: day, Count: 1000}, period: time.Hour, want: true},
		"the newest two outlive the lock anyway": {Retention: snapshots.Retention{Time: day}, period: lock / 2},
		"the newest two do not":                  {Retention: snapshots.Retention{Time: day}, period: lock/2 - 1, want: true},
	} {
		if got := test.ShorterThan(lock, test.period); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
