package doctor

import (
	"fmt"
	"slices"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

// judgeClass judges one VolumeSnapshotClass and the retention of the backups that
// use it.
func judgeClass(class *snapshotv1.VolumeSnapshotClass, users []inventory.Backup, now time.Time) []Finding {
	subject := "VolumeSnapshotClass " + class.Name
	var findings []Finding
	if class.DeletionPolicy == snapshotv1.VolumeSnapshotContentDelete {
		findings = append(findings, warning(subject, "its deletionPolicy is Delete: whoever deletes a VolumeSnapshot or the namespace deletes the stored data too: "+several(namesOf(users)),
			"use a class with deletionPolicy Retain: pruning still frees the storage, and only what others delete stays there until somebody removes it"))
	}
	if _, err := snapshots.MaxInFlight(class.Annotations); err != nil {
		findings = append(findings, warning(subject, err.Error(), "set it to the number of snapshots that the storage may be taking at once, or take it off"))
	}
	findings = append(findings, judgeLock(class, users, now)...)
	return unless(findings, ok(subject, "driver %s, deletionPolicy %s", class.Driver, class.DeletionPolicy))
}

// judgeLock finds backups whose retention is shorter than the time for which the
// storage locks their snapshots.
func judgeLock(class *snapshotv1.VolumeSnapshotClass, users []inventory.Backup, now time.Time) []Finding {
	lock, locked := snapshots.LockOf(class, now)
	if !locked {
		return nil
	}
	short := slices.DeleteFunc(slices.Clone(users), func(b inventory.Backup) bool {
		return !snapshots.LockOutlives(lock, b.KafkaBackup, b.Parsed.Retention)
	})
	if len(short) == 0 {
		return nil
	}
	message := fmt.Sprintf("it locks snapshots for %s: the storage refuses to delete them earlier, as the retention of these backups wants: %s",
		duration.HumanDuration(lock), several(namesOf(short)))
	do := "lengthen retentionTime or retentionCount of the backups to at least the lock, or use a class with a shorter one"
	if snapshots.LockMode(class) == snapshots.LockCompliance {
		do += "; a lock in compliance mode cannot be taken off"
	}
	return []Finding{warning("VolumeSnapshotClass "+class.Name, message, do)}
}

func namesOf(backups []inventory.Backup) []string {
	var names []string
	for _, b := range backups {
		names = append(names, b.Namespace+"/"+b.Name)
	}
	return names
}
