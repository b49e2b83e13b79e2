package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/snapshots"
)

// driverLonghorn is the name of Longhorn's CSI driver.
const driverLonghorn = "driver.longhorn.io"

// stored is a broker's claim with its StorageClass, and the VolumeSnapshotClasses
// that it is backed up with.
type stored struct {
	claim, class string
	snapshots    []*snapshotv1.VolumeSnapshotClass
}

func checkStorageClasses(ctx context.Context, e *examination) ([]Finding, error) {
	var classes storagev1.StorageClassList
	if err := e.List(ctx, &classes); err != nil {
		return nil, fmt.Errorf("list the storageclasses: %w", err)
	}
	var list snapshotv1.VolumeSnapshotClassList
	if err := e.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("list the volumesnapshotclasses: %w", err)
	}
	byName := map[string]*snapshotv1.VolumeSnapshotClass{}
	for n := range list.Items {
		byName[list.Items[n].Name] = &list.Items[n]
	}
	var all []stored
	for n := range e.inventory.Volumes {
		v := &e.inventory.Volumes[n]
		pvc := v.Claim()
		if pvc == nil {
			continue
		}
		s := stored{claim: pvc.Namespace + "/" + pvc.Name, class: ptr.Deref(pvc.Spec.StorageClassName, "")}
		for _, b := range backupsOf(e.inventory.Backups, v) {
			if class := byName[b.Parsed.Class]; class != nil {
				s.snapshots = append(s.snapshots, class)
			}
		}
		all = append(all, s)
	}
	return judgeStorageClasses(all, classes.Items), nil
}

// judgeStorageClasses checks what the StorageClasses of brokers mean for volumes
// that are restored.
func judgeStorageClasses(all []stored, classes []storagev1.StorageClass) []Finding {
	lazy, dying := map[string][]string{}, map[string][]string{} // claims, by class
	byName := map[string]*storagev1.StorageClass{}
	for n := range classes {
		byName[classes[n].Name] = &classes[n]
	}
	for _, s := range all {
		class := byName[s.class]
		if class == nil || len(s.snapshots) == 0 {
			continue
		}
		if loadsLazily(class, s.snapshots) {
			lazy[s.class] = append(lazy[s.class], s.claim)
		}
		if diesWithVolume(class, s.snapshots) {
			dying[s.class] = append(dying[s.class], s.claim)
		}
	}
	var findings []Finding
	for _, class := range slices.Sorted(maps.Keys(dying)) {
		findings = append(findings, problem("StorageClass "+class, "its reclaimPolicy is Delete, and Longhorn keeps snapshots of type snap in the volume: a lost claim takes them with it, and nothing can be restored: "+several(dying[class]),
			"use a VolumeSnapshotClass with parameter type bak, or set persistentVolumeReclaimPolicy Retain on the volumes and on the class: see docs/clouds.md"))
	}
	for _, class := range slices.Sorted(maps.Keys(lazy)) {
		findings = append(findings, warning("StorageClass "+class, "it has no volumeInitializationRate: a restored volume loads from the snapshot as it is read, and is slow for an unknown time: "+several(lazy[class]),
			"create the class again with parameter volumeInitializationRate, 100 to 300 MiB/s: see docs/clouds.md"))
	}
	return unless(findings, ok("", "no StorageClass of a broker is known to restore slowly, or not at all"))
}

// loadsLazily reports whether volumes of the class that are made from snapshots have
// no speed that was asked for. Fast snapshot restore would be without effect beside
// the rate.
func loadsLazily(class *storagev1.StorageClass, all []*snapshotv1.VolumeSnapshotClass) bool {
	fast := func(c *snapshotv1.VolumeSnapshotClass) bool {
		return snapshots.Parameter(c.Parameters, "fastSnapshotRestoreAvailabilityZones") != ""
	}
	return class.Provisioner == snapshots.DriverEBS && snapshots.Parameter(class.Parameters, "volumeInitializationRate") == "" && !slices.ContainsFunc(all, fast)
}

// diesWithVolume reports whether all snapshots go when a claim of the class is
// deleted.
func diesWithVolume(class *storagev1.StorageClass, all []*snapshotv1.VolumeSnapshotClass) bool {
	outside := func(c *snapshotv1.VolumeSnapshotClass) bool { return c.Parameters["type"] != "snap" }
	return class.Provisioner == driverLonghorn && !slices.ContainsFunc(all, outside) &&
		ptr.Deref(class.ReclaimPolicy, corev1.PersistentVolumeReclaimDelete) == corev1.PersistentVolumeReclaimDelete
}
