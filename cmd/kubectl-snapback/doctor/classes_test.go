package doctor

import (
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func snapshotClass(driver string, parameters map[string]string) *snapshotv1.VolumeSnapshotClass {
	return &snapshotv1.VolumeSnapshotClass{ObjectMeta: metav1.ObjectMeta{Name: "csi"}, Driver: driver,
		DeletionPolicy: snapshotv1.VolumeSnapshotContentRetain, Parameters: parameters}
}

func TestLocks(t *testing.T) {
	keeps := func(schedule, age string, count *int32) inventory.Backup {
		return backup(snapshotstest.NewBackup("b", "kafka", "csi").Schedule(schedule).
			Spec(func(s *v1alpha1.KafkaBackupSpec) { s.RetentionTime, s.RetentionCount = age, count }))
	}
	for name, test := range map[string]struct {
		backup inventory.Backup
		mode   string
		days   string
		want   State
	}{
		"no lock":                     {keeps("@hourly", "12h", nil), "", "", OK},
		"a shorter time":              {keeps("@hourly", "167h", nil), "governance", "7", Warning},
		"as long":                     {keeps("@hourly", "168h", nil), "governance", "7", OK},
		"too few of an hourly one":    {keeps("@hourly", "", ptr.To(int32(167))), "compliance", "7", Warning},
		"enough of an hourly one":     {keeps("@hourly", "", ptr.To(int32(168))), "compliance", "7", OK},
		"few, of a weekly one":        {keeps("@weekly", "", ptr.To(int32(2))), "compliance", "7", OK},
		"everything is kept":          {keeps("@hourly", "", nil), "compliance", "7", OK},
		"a schedule that is mistaken": {keeps("never", "", ptr.To(int32(2))), "compliance", "7", OK},
	} {
		t.Run(name, func(t *testing.T) {
			class := snapshotClass(snapshots.DriverEBS, map[string]string{"lockMode": test.mode, "lockDuration": test.days})
			text := ""
			if test.want == Warning {
				text = "VolumeSnapshotClass csi: it locks snapshots for 7d: the storage refuses to delete them earlier, as the retention of these backups wants: " + snapshotstest.Namespace + "/b"
			}
			want(t, judgeClass(class, []inventory.Backup{test.backup}, now), test.want, text)
		})
	}
}

func TestMaxInFlight(t *testing.T) {
	for value, state := range map[string]State{"": Warning, "1": OK, "32": OK, "0": Warning, "-1": Warning, "many": Warning, "1.5": Warning} {
		class := snapshotClass("d", nil)
		class.Annotations = map[string]string{v1alpha1.AnnotationMaxInFlight: value}
		want(t, judgeClass(class, nil, now), state, "VolumeSnapshotClass csi: ")
	}
}

func TestStorageClasses(t *testing.T) {
	type parameters = map[string]string
	longhorn := []*snapshotv1.VolumeSnapshotClass{snapshotClass(driverLonghorn, parameters{"type": "snap"})}
	ebs := []*snapshotv1.VolumeSnapshotClass{snapshotClass(snapshots.DriverEBS, nil)}
	for name, test := range map[string]struct {
		provisioner string
		parameters  parameters
		reclaim     corev1.PersistentVolumeReclaimPolicy
		snapshots   []*snapshotv1.VolumeSnapshotClass
		want        State
		text        string
	}{
		"of another driver":  {"d", nil, "", []*snapshotv1.VolumeSnapshotClass{snapshotClass("d", nil)}, OK, ""},
		"EBS":                {snapshots.DriverEBS, nil, "", ebs, Warning, "StorageClass disk: it has no volumeInitializationRate"},
		"EBS, with a rate":   {snapshots.DriverEBS, parameters{"VolumeInitializationRate": "200"}, "", ebs, OK, ""},
		"EBS, not backed up": {snapshots.DriverEBS, nil, "", nil, OK, ""},
		"EBS, with fast snapshot restore": {snapshots.DriverEBS, nil, "",
			[]*snapshotv1.VolumeSnapshotClass{snapshotClass(snapshots.DriverEBS, parameters{"fastSnapshotRestoreAvailabilityZones": "us-east-1a"})}, OK, ""},
		"Longhorn":               {driverLonghorn, nil, "", longhorn, Problem, "StorageClass disk: its reclaimPolicy is Delete"},
		"Longhorn, retained":     {driverLonghorn, nil, corev1.PersistentVolumeReclaimRetain, longhorn, OK, ""},
		"Longhorn, with backups": {driverLonghorn, nil, "", []*snapshotv1.VolumeSnapshotClass{longhorn[0], snapshotClass(driverLonghorn, parameters{"type": "bak"})}, OK, ""},
		"Longhorn, without type": {driverLonghorn, nil, "", []*snapshotv1.VolumeSnapshotClass{snapshotClass(driverLonghorn, nil)}, OK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			class := storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "disk"}, Provisioner: test.provisioner, Parameters: test.parameters}
			if test.reclaim != "" {
				class.ReclaimPolicy = &test.reclaim
			}
			all := []stored{{"kafka/c", "disk", test.snapshots}, {"kafka/d", "gone", test.snapshots}}
			want(t, judgeStorageClasses(all, []storagev1.StorageClass{class}), test.want, test.text)
		})
	}
}
