package snapshots_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// boundClaim returns a claim with user labels and an owner, and its volume.
func boundClaim() (*corev1.PersistentVolumeClaim, *corev1.PersistentVolume) {
	pvc := brokerClaim().Named("kafka-0-storage-0-x7k2p").Label("app.kubernetes.io/instance", "kafka").Label("team", "payments").Obj()
	pvc.UID = "uid-of-the-claim"
	pvc.Spec.VolumeName = "pv-1"
	pvc.OwnerReferences = []metav1.OwnerReference{{APIVersion: "kafka.banzaicloud.io/v1beta1", Kind: "KafkaCluster", Name: "kafka", UID: "uid-of-the-cluster"}}
	return pvc, &corev1.PersistentVolume{Spec: corev1.PersistentVolumeSpec{
		Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("2Gi")},
		PersistentVolumeSource: corev1.PersistentVolumeSource{
			CSI: &corev1.CSIPersistentVolumeSource{Driver: driver, VolumeHandle: "vol-0123"},
		},
	}}
}

func stamped(t *testing.T, scheduled time.Time) *snapshotv1.VolumeSnapshot {
	t.Helper()
	pvc, pv := boundClaim()
	volume, ok := snapshots.Identify(pvc.Namespace, pvc, nil)
	if !ok {
		t.Fatal("no broker volume")
	}
	policy := snapshots.Policy{v1alpha1.AnnotationRestore: latest, v1alpha1.AnnotationRestoreQuorum: "empty",
		v1alpha1.AnnotationRestoreBefore: "2026-02-01T00:00:00Z"} // a pin, not stamped
	return snapshots.Stamp(volume, pvc, pv, parse(t, hourly()), policy, snapshots.Lineage{ID: "first", Proven: true}, scheduled)
}

func TestStamp(t *testing.T) {
	vs := stamped(t, now.In(time.FixedZone("CET", 3600)))
	volume := identify(t, brokerClaim())
	wantLabels := map[string]string{
		"app.kubernetes.io/managed-by": "snapback",
		"snapback.dev/cluster":         "kafka",
		"snapback.dev/volume":          volume.Hash(),
		"snapback.dev/backup":          "kafka-hourly",
		"snapback.dev/run":             "20260301-120000",
		"snapback.dev/claim":           "kafka-0-storage-0-x7k2p",
		"kafka_cr":                     "kafka",
		"brokerId":                     "0",
	}
	if !reflect.DeepEqual(vs.Labels, wantLabels) {
		t.Errorf("labels\n%v, want\n%v", vs.Labels, wantLabels)
	}
	wantAnnotations := map[string]string{
		"snapback.dev/slot":           "0:/kafka-logs",
		"snapback.dev/cluster-name":   "kafka",
		"snapback.dev/backup-name":    "kafka-hourly",
		"snapback.dev/broker":         "0",
		"snapback.dev/role":           "broker",
		"snapback.dev/lineage":        "first",
		"snapback.dev/proven":         "true",
		"snapback.dev/scheduled-time": "2026-03-01T12:00:00Z",
		"snapback.dev/source-pvc":     "kafka-0-storage-0-x7k2p",
		"snapback.dev/source-pvc-uid": "uid-of-the-claim",
		"snapback.dev/source-pv":      "pv-1",
		"snapback.dev/volume-handle":  "vol-0123",
		"snapback.dev/driver":         driver,
		"snapback.dev/capacity":       "2Gi",
		"snapback.dev/storage-class":  "csi-ssd",
		"snapback.dev/volume-mode":    "Filesystem",
		"snapback.dev/cluster-uid":    "uid-of-the-cluster",
		"snapback.dev/restore":        "latest",
		"snapback.dev/restore-quorum": "empty",
	}
	if !reflect.DeepEqual(vs.Annotations, wantAnnotations) {
		t.Errorf("annotations\n%v, want\n%v", vs.Annotations, wantAnnotations)
	}
	if len(vs.OwnerReferences) != 0 {
		t.Errorf("owners %v: garbage collection would delete a backup", vs.OwnerReferences)
	}
	if vs.Namespace != "kafka" || vs.Name != snapshots.Name("kafka-0-storage-0-x7k2p", "kafka-hourly", now) {
		t.Errorf("made as %s/%s", vs.Namespace, vs.Name)
	}
	wantSpec := snapshotv1.VolumeSnapshotSpec{
		Source:                  snapshotv1.VolumeSnapshotSource{PersistentVolumeClaimName: ptr.To("kafka-0-storage-0-x7k2p")},
		VolumeSnapshotClassName: ptr.To("csi-snapshots"),
	}
	if !reflect.DeepEqual(vs.Spec, wantSpec) {
		t.Errorf("spec %+v", vs.Spec)
	}
}

func TestStampLongNames(t *testing.T) {
	long := strings.Repeat("k", 253)
	claim := snapshotstest.PlainClaim(long).Label("tier", "gold")
	backup := selecting(t, long, "gold")
	backup.Name = long
	volume := identify(t, claim, backup)
	vs := snapshots.Stamp(volume, claim.Obj(), &corev1.PersistentVolume{}, backup, nil, snapshots.Lineage{ID: "first", Proven: true}, now)
	for key, value := range vs.Labels {
		if problems := validation.IsValidLabelValue(value); len(problems) > 0 {
			t.Errorf("label %s=%q: %v", key, value, problems)
		}
	}
	for _, key := range []string{v1alpha1.AnnotationClusterName, v1alpha1.AnnotationBackupName, v1alpha1.AnnotationSlot, v1alpha1.AnnotationSourcePVC} {
		if vs.Annotations[key] != long {
			t.Errorf("annotation %s is cut: %q", key, vs.Annotations[key])
		}
	}
	if problems := validation.IsDNS1123Subdomain(vs.Name); len(problems) > 0 {
		t.Errorf("name %q: %v", vs.Name, problems)
	}
	for _, key := range []string{v1alpha1.AnnotationDriver, v1alpha1.AnnotationCapacity, v1alpha1.AnnotationClusterUID, v1alpha1.AnnotationStorageClassName} {
		if value, ok := vs.Annotations[key]; ok {
			t.Errorf("annotation %s=%q of a volume that has none", key, value)
		}
	}
}

func TestSnapshotRoundTrip(t *testing.T) {
	cut := now.Add(3 * time.Second)
	vs := stamped(t, now)
	vs.UID, vs.ResourceVersion = "uid-of-the-snapshot", "42"
	vs.Annotations[v1alpha1.AnnotationHold] = ""
	vs.DeletionTimestamp = &metav1.Time{Time: now}
	vs.Status = &snapshotv1.VolumeSnapshotStatus{
		ReadyToUse:   ptr.To(true),
		CreationTime: &metav1.Time{Time: cut},
		RestoreSize:  ptr.To(resource.MustParse("3Gi")),
		Error:        &snapshotv1.VolumeSnapshotError{Message: ptr.To("quota")},
	}
	got, err := snapshots.NewSnapshot(vs)
	if err != nil {
		t.Fatal(err)
	}
	want := snapshots.Snapshot{
		Name: vs.Name, UID: "uid-of-the-snapshot", ResourceVersion: "42",
		Volume: identify(t, brokerClaim()).Hash(), Scheduled: now, Cut: cut,
		Ready: true, Deleting: true, DeletedAt: vs.DeletionTimestamp, Held: true, Failure: "quota",
		Role: snapshots.RoleBroker, Node: "0", Lineage: snapshots.Lineage{ID: "first", Proven: true},
		SourcePVC: "kafka-0-storage-0-x7k2p", SourcePVCUID: "uid-of-the-claim", Driver: driver, Class: "csi-snapshots", VolumeMode: corev1.PersistentVolumeFilesystem,
		Size: ptr.To(resource.MustParse("3Gi")), Annotations: vs.Annotations,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v, want\n%+v", got, want)
	}
}

func TestSnapshotWithoutStatus(t *testing.T) {
	for name, status := range map[string]*snapshotv1.VolumeSnapshotStatus{
		"none": nil, "empty": {}, "an error without a message": {Error: &snapshotv1.VolumeSnapshotError{}},
		"not ready": {ReadyToUse: ptr.To(false)},
	} {
		vs := stamped(t, now)
		vs.Status = status
		got, err := snapshots.NewSnapshot(vs)
		if err != nil || got.Ready || got.Deleting || got.Held || got.Failure != "" || !got.Cut.IsZero() {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestSnapshotSize(t *testing.T) {
	for _, test := range []struct {
		name     string
		reported string // restoreSize; empty: none
		capacity string // stamped; empty: none
		want     string // empty: unknown
	}{
		{"reported", "3Gi", "2Gi", "3Gi"},
		{"reported smaller than the volume", "1Gi", "2Gi", "1Gi"},
		{"zero reported", "0", "2Gi", "2Gi"},
		{"nothing reported", "", "2Gi", "2Gi"},
		{"reported, nothing stamped", "3Gi", "", "3Gi"},
		{"zero reported, nothing stamped", "0", "", ""},
		{"nothing at all", "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := snapshotOf(now).Ready()
			if test.reported != "" {
				s.Size(test.reported)
			}
			vs := s.Obj()
			delete(vs.Annotations, v1alpha1.AnnotationCapacity)
			if test.capacity != "" {
				vs.Annotations[v1alpha1.AnnotationCapacity] = test.capacity
			}
			got, err := snapshots.NewSnapshot(vs)
			if err != nil {
				t.Fatal(err)
			}
			if (got.Size == nil) != (test.want == "") || got.Size != nil && got.Size.String() != test.want {
				t.Errorf("size %v, want %q", got.Size, test.want)
			}
		})
	}
}

func TestSnapshotRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*snapshotv1.VolumeSnapshot)
		part   string // of the error
	}{
		{"made by somebody else", func(vs *snapshotv1.VolumeSnapshot) {
			vs.Labels[v1alpha1.LabelManagedBy] = "velero"
			delete(vs.Labels, v1alpha1.LabelVolume)
		}, "not made by snapback"},
		{"labelled as somebody else's", func(vs *snapshotv1.VolumeSnapshot) { vs.Labels[v1alpha1.LabelManagedBy] = "velero" }, v1alpha1.LabelManagedBy},
		{"made by nobody", func(vs *snapshotv1.VolumeSnapshot) {
			delete(vs.Labels, v1alpha1.LabelManagedBy)
			delete(vs.Annotations, v1alpha1.AnnotationSlot)
		}, "not made by snapback"},
		{"of no volume", func(vs *snapshotv1.VolumeSnapshot) { delete(vs.Labels, v1alpha1.LabelVolume) }, v1alpha1.LabelVolume},
		{"nothing stamped", func(vs *snapshotv1.VolumeSnapshot) { vs.Labels, vs.Annotations = nil, nil }, "not made by snapback"},
		{"no time", func(vs *snapshotv1.VolumeSnapshot) {
			delete(vs.Annotations, v1alpha1.AnnotationScheduledTime)
			delete(vs.Labels, v1alpha1.LabelRun)
		}, v1alpha1.AnnotationScheduledTime},
		{"a broken time", func(vs *snapshotv1.VolumeSnapshot) {
			vs.Annotations[v1alpha1.AnnotationScheduledTime], vs.Labels[v1alpha1.LabelRun] = "yesterday", "today"
		}, v1alpha1.AnnotationScheduledTime},
		{"a broken capacity", func(vs *snapshotv1.VolumeSnapshot) { vs.Annotations[v1alpha1.AnnotationCapacity] = "much" }, v1alpha1.AnnotationCapacity},
	} {
		t.Run(test.name, func(t *testing.T) {
			vs := stamped(t, now)
			test.change(vs)
			_, err := snapshots.NewSnapshot(vs)
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range []string{test.part, vs.Namespace + "/" + vs.Name} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error does not name %q: %v", part, err)
				}
			}
		})
	}
}

// TestEditedTime checks a snapshot whose annotation somebody has spoiled: its volume
// must not look new.
func TestEditedTime(t *testing.T) {
	vs := stamped(t, now)
	vs.Annotations[v1alpha1.AnnotationScheduledTime] = "yesterday"
	if got, err := snapshots.NewSnapshot(vs); err != nil || !got.Scheduled.Equal(now) {
		t.Errorf("%s, %v; the run's label says %s", got.Scheduled, err, now)
	}
}
