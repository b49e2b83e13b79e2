package e2e

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestDuplicateVolume creates a second claim of a live volume. It must be refused:
// otherwise the data would exist twice, and the broker's pod could never be made.
func TestDuplicateVolume(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns := newNamespace(t, c, map[string]string{v1alpha1.AnnotationRestore: "latest"})
	claim := func() *corev1.PersistentVolumeClaim {
		return snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").In(ns).Class(cluster.StorageClass).Obj()
	}
	first := claim()
	create(t, c, first)
	err := cluster.Create(t.Context(), c, claim(), patience)
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "claim "+first.Name+" is of the same volume") {
		t.Errorf("a second claim: %v", err)
	}
	create(t, c, snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs-2").In(ns).Class(cluster.StorageClass).Obj())
}

// TestDisksLostTogether loses both disks of a broker whose newest run has a
// snapshot of one of them only: both are restored from the run before, one
// after the other, as operators create them.
func TestDisksLostTogether(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns, newest := backedUp(t, c, snapshotstest.StrimziClaim("kafka", "broker", 0, 0), "kafka")
	common := &snapshotv1.VolumeSnapshot{}
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: newest}, common); err != nil {
		t.Fatal(err)
	}
	second := snapshotstest.StrimziClaim("kafka", "broker", 0, 1).In(ns).Class(cluster.StorageClass)
	// The other disk has a snapshot of that run, and a newer one; copies of
	// the first disk's, since what counts is whose they say they are.
	same := copySnapshot(t, c, common, second, common.Annotations[v1alpha1.AnnotationScheduledTime])
	copySnapshot(t, c, common, second, "2099-01-01T00:00:00Z")

	disk1 := second.Obj()
	create(t, c, disk1)
	if want := "snapshot.storage.k8s.io VolumeSnapshot " + same; dataSource(disk1) != want {
		t.Errorf("disk 1 gets %q, the run that disk 0 has too is %q", dataSource(disk1), want)
	}
	disk0 := snapshotstest.StrimziClaim("kafka", "broker", 0, 0).In(ns).Class(cluster.StorageClass).Obj()
	create(t, c, disk0)
	if want := "snapshot.storage.k8s.io VolumeSnapshot " + common.Name; dataSource(disk0) != want {
		t.Errorf("disk 0 gets %q, want %q", dataSource(disk0), want)
	}
}

// copySnapshot makes a ready VolumeSnapshot of the same stored data that says
// it is of another claim and another time, and returns its name.
func copySnapshot(t *testing.T, c client.Client, of *snapshotv1.VolumeSnapshot, claim *snapshotstest.Claim, scheduled string) string {
	t.Helper()
	var stored snapshotv1.VolumeSnapshotContent
	if err := c.Get(t.Context(), client.ObjectKey{Name: *of.Status.BoundVolumeSnapshotContentName}, &stored); err != nil {
		t.Fatal(err)
	}
	pvc := claim.Obj()
	volume, _ := snapshots.Identify(pvc.Namespace, pvc, nil)
	vs := &snapshotv1.VolumeSnapshot{}
	vs.Namespace = of.Namespace
	vs.Labels = map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelVolume: volume.Hash()}
	vs.Annotations = map[string]string{v1alpha1.AnnotationScheduledTime: scheduled, v1alpha1.AnnotationRestore: "latest",
		v1alpha1.AnnotationClusterName: volume.Cluster, v1alpha1.AnnotationBroker: volume.Node,
		v1alpha1.AnnotationBackupName: of.Annotations[v1alpha1.AnnotationBackupName]}
	content := &snapshotv1.VolumeSnapshotContent{}
	content.Spec = snapshotv1.VolumeSnapshotContentSpec{
		Driver: stored.Spec.Driver, DeletionPolicy: snapshotv1.VolumeSnapshotContentRetain,
		Source: snapshotv1.VolumeSnapshotContentSource{SnapshotHandle: stored.Status.SnapshotHandle},
	}
	content.Name = "copy-" + strings.ToLower(rand.Text())
	vs.Name = content.Name
	content.Spec.VolumeSnapshotRef = corev1.ObjectReference{Namespace: vs.Namespace, Name: vs.Name}
	vs.Spec.Source.VolumeSnapshotContentName = &content.Name
	create(t, c, content)
	create(t, c, vs)
	eventually(t, func(ctx context.Context) error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(vs), vs); err != nil {
			return err
		}
		if vs.Status == nil || vs.Status.ReadyToUse == nil || !*vs.Status.ReadyToUse {
			return fmt.Errorf("%s is not ready", vs.Name)
		}
		return nil
	})
	return vs.Name
}
