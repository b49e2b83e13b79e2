package snapshots

import (
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
)

// lockGrace is how much later the lock of a snapshot may end than its class says.
// The storage counts from the moment at which it has copied all data, hours after
// the cut, and no object says when that was.
const lockGrace = 24 * time.Hour

// Locks are the classes whose snapshots the storage locks, by name.
type Locks map[string]*snapshotv1.VolumeSnapshotClass

// LocksOf returns those of the classes that lock.
func LocksOf(classes []snapshotv1.VolumeSnapshotClass) Locks {
	locks := Locks{}
	for i := range classes {
		if LockMode(&classes[i]) != "" {
			locks[classes[i].Name] = &classes[i]
		}
	}
	return locks
}

// On returns the snapshots with [Snapshot.LockedUntil] set. A snapshot whose class
// is gone counts as not locked: its lock is not known any more.
func (l Locks) On(all []Snapshot) []Snapshot {
	if len(l) == 0 {
		return all
	}
	locked := make([]Snapshot, len(all))
	for i, s := range all {
		if class := l[s.Class]; class != nil {
			s.LockedUntil = s.lockEnd(class)
		}
		locked[i] = s
	}
	return locked
}

// lockEnd returns the time after which the storage surely deletes the snapshot;
// nil: at any time. One that is not cut is not locked yet.
func (s *Snapshot) lockEnd(class *snapshotv1.VolumeSnapshotClass) *time.Time {
	if !s.Ready && s.Cut.IsZero() {
		return nil
	}
	from := s.Scheduled
	if s.Cut.After(from) {
		from = s.Cut
	}
	lock, locked := LockOf(class, from)
	if !locked {
		return nil
	}
	end := from.Add(lock + lockGrace)
	return &end
}

// lockedAt reports whether the storage would refuse to delete the snapshot.
func (s *Snapshot) lockedAt(now time.Time) bool {
	return s.LockedUntil != nil && now.Before(*s.LockedUntil)
}
