package snapshots

import (
	"strconv"
	"strings"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// DriverEBS is the name of AWS's CSI driver of EBS.
const DriverEBS = "ebs.csi.aws.com"

// The parameters of a VolumeSnapshotClass of EBS by which the storage locks each
// snapshot.
const (
	paramLockMode = "lockMode" // governance or compliance
	paramLockDays = "lockDuration"
	paramLockDate = "lockExpirationDate" // RFC 3339
)

// LockCompliance is the mode of a lock that nobody can take off before its time,
// once its cooling-off period is over. In the other mode, governance, users of the
// cloud's account can.
const LockCompliance = "compliance"

// maxLockDays is the longest lock that EBS takes.
const maxLockDays = 36500

// LockOf returns how long a snapshot of the class that is taken now stays locked;
// false: it is not locked. The storage refuses to delete a locked snapshot. A lock
// that the storage or its driver would refuse is none: no snapshot is taken then,
// and its error says why.
func LockOf(class *snapshotv1.VolumeSnapshotClass, now time.Time) (time.Duration, bool) {
	if LockMode(class) == "" {
		return 0, false
	}
	const day = 24 * time.Hour
	var locked time.Duration
	if days, err := strconv.Atoi(Parameter(class.Parameters, paramLockDays)); err == nil && days > 0 && days <= maxLockDays {
		locked = time.Duration(days) * day
	}
	if until, err := time.Parse(time.RFC3339, Parameter(class.Parameters, paramLockDate)); err == nil {
		locked = max(locked, min(until.Sub(now), maxLockDays*day))
	}
	return locked, locked > 0
}

// LockMode returns the mode in which snapshots of the class are locked: governance
// or [LockCompliance]; empty: they are not.
func LockMode(class *snapshotv1.VolumeSnapshotClass) string {
	if class.Driver != DriverEBS {
		return ""
	}
	return Parameter(class.Parameters, paramLockMode)
}

// Parameter returns a parameter of a StorageClass or VolumeSnapshotClass of EBS, whose
// driver takes names in any case.
func Parameter(all map[string]string, name string) string {
	for key, value := range all {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

// LockOutlives reports whether the storage locks snapshots of a KafkaBackup for longer
// than its retention keeps them.
func LockOutlives(lock time.Duration, kb *v1alpha1.KafkaBackup, r Retention) bool {
	var period time.Duration
	if times, err := Times(kb); err == nil {
		period = times.Period(kb.CreationTimestamp.Time, lock) // from a fixed time, so that it stays the same
	}
	return r.ShorterThan(lock, period)
}

// ShorterThan reports whether snapshots outlive the retention while they are still
// locked, so that they cannot be pruned when they should. period is the time
// between two runs, see [schedule.Schedule.Period]; 0: it is not known, and only
// the age counts.
func (r Retention) ShorterThan(lock, period time.Duration) bool {
	if period > 0 && period >= lock/minKept {
		return false // the newest two stay until the lock is over
	}
	old := r.Time > 0 && r.Time < lock
	over := r.Count > 0 && period > 0 && period < lock/time.Duration(r.Count)
	return old || over
}
