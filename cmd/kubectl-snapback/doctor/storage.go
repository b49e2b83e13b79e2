package doctor

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

func checkClasses(ctx context.Context, e *examination) ([]Finding, error) {
	var list snapshotv1.VolumeSnapshotClassList
	if err := e.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("list the volumesnapshotclasses: %w", err)
	}
	return judgeClasses(e.inventory.Backups, list.Items, e.now()), nil
}

// judgeClasses checks that the class of each backup exists, and judges each class
// that a backup uses.
func judgeClasses(backups []inventory.Backup, classes []snapshotv1.VolumeSnapshotClass, now time.Time) []Finding {
	var names []string
	byName := map[string]*snapshotv1.VolumeSnapshotClass{}
	for n := range classes {
		names = append(names, classes[n].Name)
		byName[classes[n].Name] = &classes[n]
	}
	slices.Sort(names)
	var findings []Finding
	users := map[string][]inventory.Backup{}
	for _, b := range backups {
		class := b.Spec.VolumeSnapshotClassName
		if _, there := byName[class]; !there {
			do := "create it, or set spec.volumeSnapshotClassName to one that there is: " + several(names)
			if len(names) == 0 {
				do = "create it: see the documentation of your CSI driver"
			}
			findings = append(findings, problem(subjectOf(b), fmt.Sprintf("VolumeSnapshotClass %q does not exist: no snapshots are taken", class), do))
			continue
		}
		users[class] = append(users[class], b)
	}
	for _, class := range slices.Sorted(maps.Keys(users)) {
		findings = append(findings, judgeClass(byName[class], users[class], now)...)
	}
	return unless(findings, ok("", "no backup needs a class"))
}

func subjectOf(b inventory.Backup) string { return b.Kind() + " " + b.Namespace + "/" + b.Name }

// backedUp is a claim with the driver of its volume and, by backup, the drivers
// of the VolumeSnapshotClasses that it is backed up with.
type backedUp struct {
	claim   string
	driver  string // empty: the volume has no CSI driver
	backups map[string]string
}

func checkVolumes(ctx context.Context, e *examination) ([]Finding, error) {
	var volumes corev1.PersistentVolumeList
	if err := e.List(ctx, &volumes); err != nil {
		return nil, fmt.Errorf("list the persistentvolumes: %w", err)
	}
	var classes snapshotv1.VolumeSnapshotClassList
	if err := e.List(ctx, &classes); err != nil {
		return nil, fmt.Errorf("list the volumesnapshotclasses: %w", err)
	}
	return judgeVolumes(e.backedUp(volumes.Items, classes.Items)), nil
}

func (e *examination) backedUp(volumes []corev1.PersistentVolume, classes []snapshotv1.VolumeSnapshotClass) (all []backedUp) {
	driverOf := map[string]string{}
	for _, c := range classes {
		driverOf[c.Name] = c.Driver
	}
	byName := map[string]*corev1.PersistentVolume{}
	for n := range volumes {
		byName[volumes[n].Name] = &volumes[n]
	}
	for n := range e.inventory.Volumes {
		v := &e.inventory.Volumes[n]
		pvc := v.Claim()
		if pvc == nil || byName[pvc.Spec.VolumeName] == nil {
			continue
		}
		b := backedUp{claim: pvc.Namespace + "/" + pvc.Name, backups: map[string]string{}}
		if csi := byName[pvc.Spec.VolumeName].Spec.CSI; csi != nil {
			b.driver = csi.Driver
		}
		for _, backup := range backupsOf(e.inventory.Backups, v) {
			if driver, there := driverOf[backup.Parsed.Class]; there && !backup.Parsed.Excludes(v.Role) {
				b.backups[subjectOf(backup)] = driver
			}
		}
		all = append(all, b)
	}
	return all
}

// backupsOf returns the backups of the volume's cluster.
func backupsOf(backups []inventory.Backup, v *inventory.Volume) []inventory.Backup {
	return slices.DeleteFunc(slices.Clone(backups), func(b inventory.Backup) bool {
		return b.Namespace != v.Namespace || b.Spec.ClusterRef != v.Cluster
	})
}

// judgeVolumes checks that the class and the volumes of a backup have the same
// driver.
func judgeVolumes(all []backedUp) []Finding {
	type mismatch struct{ backup, class, volume string } // class and volume are drivers
	claims := map[mismatch][]string{}
	var none []string
	for _, v := range all {
		if v.driver == "" && len(v.backups) > 0 {
			none = append(none, v.claim)
			continue
		}
		for backup, driver := range v.backups {
			if driver != v.driver {
				m := mismatch{backup, driver, v.driver}
				claims[m] = append(claims[m], v.claim)
			}
		}
	}
	var findings []Finding
	if len(none) > 0 {
		findings = append(findings, problem("", "the volumes of these claims have no CSI driver, and cannot be snapshotted: "+several(none), "move the brokers to a StorageClass of a CSI driver that takes snapshots"))
	}
	for _, m := range slices.SortedFunc(maps.Keys(claims), func(a, b mismatch) int {
		return cmp.Or(cmp.Compare(a.backup, b.backup), cmp.Compare(a.volume, b.volume))
	}) {
		findings = append(findings, problem(m.backup, fmt.Sprintf("its VolumeSnapshotClass is of driver %s, which cannot snapshot these volumes of driver %s: %s", m.class, m.volume, several(claims[m])),
			"set spec.volumeSnapshotClassName to a class of driver "+m.volume+", or make a KafkaBackup for each driver"))
	}
	return unless(findings, ok("", "all volumes that are backed up have the driver of their class"))
}
