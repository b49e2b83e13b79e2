package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestPins asks for restores from other snapshots than the newest.
func TestPins(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	claim := func() *snapshotstest.Claim { return snapshotstest.KoperatorClaim("kafka", 1, "/kafka-logs") }
	ns, snapshot := backedUp(t, c, claim(), "kafka")
	source := "snapshot.storage.k8s.io VolumeSnapshot " + snapshot
	for name, test := range map[string]struct {
		annotation, value string
		want, says        string
	}{
		"before now":       {v1alpha1.AnnotationRestoreBefore, "2999-01-01T00:00:00Z", source, ""},
		"before it all":    {v1alpha1.AnnotationRestoreBefore, "2001-01-01T00:00:00Z", "", "none was cut at or before 2001-01-01T00:00:00Z"},
		"not that old":     {v1alpha1.AnnotationRestoreMaxAge, "1h", source, ""},
		"too old":          {v1alpha1.AnnotationRestoreMaxAge, "1ns", "", "older than snapback.dev/restore-max-age allows"},
		"no time":          {v1alpha1.AnnotationRestoreBefore, "noon", "", `annotation snapback.dev/restore-before is "noon"`},
		"too old, as well": {v1alpha1.AnnotationRestoreMaxAge, "1ms", "", "refuses this claim"},
	} {
		pvc := claim().In(ns).Class(cluster.StorageClass).Annotate(test.annotation, test.value).Obj()
		err := cluster.Create(t.Context(), c, pvc, patience, client.DryRunAll)
		if test.says != "" && (!apierrors.IsForbidden(err) || !contains(err, test.says)) {
			t.Errorf("%s: 403 and %q expected, got %v", name, test.says, err)
		}
		if test.says == "" && (err != nil || dataSource(pvc) != test.want) {
			t.Errorf("%s: %q, %v", name, dataSource(pvc), err)
		}
	}
	empty := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`,
		v1alpha1.AnnotationStartEmptyUntil, time.Now().Add(time.Hour).Format(time.RFC3339)))
	if err := c.Patch(t.Context(), &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: snapshot}}, empty); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		pvc := claim().In(ns).Class(cluster.StorageClass).Obj()
		if err := c.Create(ctx, pvc, client.DryRunAll); err != nil || dataSource(pvc) != "" {
			return fmt.Errorf("it is to start empty, gets %q (error: %w)", dataSource(pvc), err)
		}
		return nil
	})
}

// TestQuorum loses controllers, with and without the majority of their quorum.
func TestQuorum(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	controller := func(id int) *snapshotstest.Claim {
		return snapshotstest.KoperatorClaim("kafka", id, "/kafka-logs").Label("pvcRoles", "controller").Class(cluster.StorageClass)
	}
	ns, snapshot := backedUp(t, c, controller(0), "kafka")
	var peers []*corev1.PersistentVolumeClaim
	for id := 1; id <= 2; id++ {
		peer := controller(id).In(ns).Obj()
		create(t, c, peer)
		boundDir(t, peer)
		peers = append(peers, peer)
	}
	err := cluster.Create(t.Context(), c, controller(0).In(ns).Obj(), patience, client.DryRunAll)
	if !apierrors.IsForbidden(err) || !contains(err, "holds votes of the quorum") {
		t.Errorf("with a majority that is seconds old: %v", err)
	}
	// With a snapshot from after they were made, they are no strangers.
	taken := &snapshotv1.VolumeSnapshot{}
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: snapshot}, taken); err != nil {
		t.Fatal(err)
	}
	copySnapshot(t, c, taken, controller(0).In(ns), time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	eventually(t, func(ctx context.Context) error {
		again := controller(0).In(ns).Obj()
		if err := c.Create(ctx, again, client.DryRunAll); err != nil || dataSource(again) != "" {
			return fmt.Errorf("with the majority there: %q, %w", dataSource(again), err)
		}
		return nil
	})
	deleteClaim(t, c, peers[1])
	err = cluster.Create(t.Context(), c, controller(0).In(ns).Obj(), patience, client.DryRunAll)
	if !apierrors.IsForbidden(err) || !contains(err, "holds votes of the quorum") {
		t.Errorf("with the majority lost: %v", err)
	}
}

// TestWaiting recreates a claim while its only snapshot is cut and not ready:
// it waits, and binds with its data by itself.
func TestWaiting(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns := newNamespace(t, c, map[string]string{v1alpha1.AnnotationRestore: "latest"})
	class := &snapshotv1.VolumeSnapshotClass{ObjectMeta: metav1.ObjectMeta{GenerateName: "slow-"}, Driver: cluster.DriverName,
		DeletionPolicy: snapshotv1.VolumeSnapshotContentDelete, Parameters: map[string]string{"readyAfter": "20s"}}
	create(t, c, class)
	lost := snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").In(ns).Class(cluster.StorageClass).Obj()
	create(t, c, lost)
	written := writeLogDir(t, boundDir(t, lost))
	listening, heard := listen(t)
	create(t, c, snapshotstest.NewBackup("slow", "kafka", class.Name).In(ns).Schedule("@every 1s").Obj())
	eventually(t, func(ctx context.Context) error {
		var list snapshotv1.VolumeSnapshotList
		if err := c.List(ctx, &list, client.InNamespace(ns)); err != nil {
			return err
		}
		if len(list.Items) != 1 || list.Items[0].Status == nil || list.Items[0].Status.CreationTime == nil {
			return fmt.Errorf("no snapshot is cut yet")
		}
		return nil
	})
	if err := c.Delete(t.Context(), lost); err != nil { // it terminates until the snapshot is ready
		t.Fatal(err)
	}
	again := snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").In(ns).Class(cluster.StorageClass).Obj()
	create(t, listening, again)
	if len(heard.warnings) == 0 || !strings.Contains(heard.warnings[0], "stays Pending until it is") {
		t.Errorf("warnings %q", heard.warnings)
	}
	if got := checksums(t, boundDir(t, again)); fmt.Sprint(got) != fmt.Sprint(written) {
		t.Errorf("log dir after the restore:\n%v\nbefore:\n%v", got, written)
	}
}

// TestReleased keeps the lost claim's volume, which has the newest records.
func TestReleased(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns := newNamespace(t, c, map[string]string{v1alpha1.AnnotationRestore: "latest"})
	claim := func() *corev1.PersistentVolumeClaim {
		return snapshotstest.StatefulSetClaim("kafka", 0).In(ns).Class(cluster.StorageClass).Obj()
	}
	lost := claim()
	create(t, c, lost)
	boundDir(t, lost)
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(lost), lost); err != nil {
		t.Fatal(err)
	}
	pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: lost.Spec.VolumeName}}
	retain := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}`))
	if err := c.Patch(t.Context(), pv, retain); err != nil {
		t.Fatal(err)
	}
	create(t, c, snapshotstest.NewBackup("b", "kafka", cluster.SnapshotClass).In(ns).Schedule("@every 2s").Obj())
	waitForSnapshot(t, c, ns)
	if err := c.Delete(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(pv), pv); err != nil || pv.Status.Phase != corev1.VolumeReleased {
			return fmt.Errorf("volume %s is %s (error: %w)", pv.Name, pv.Status.Phase, err)
		}
		return nil
	})
	listening, heard := listen(t)
	create(t, listening, claim())
	if !strings.Contains(fmt.Sprint(heard.warnings), "PersistentVolume "+pv.Name+", which the lost claim was bound to, is still there") {
		t.Errorf("warnings %q", heard.warnings)
	}
}

// TestAdopt restores from a snapshot that a person has made by hand, after that
// person asks for it.
func TestAdopt(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns := newNamespace(t, c, map[string]string{v1alpha1.AnnotationRestore: "latest"})
	claim := func() *corev1.PersistentVolumeClaim {
		return snapshotstest.StrimziClaim("kafka", "broker", 0, 0).In(ns).Class(cluster.StorageClass).Obj()
	}
	lost := claim()
	create(t, c, lost)
	written := writeLogDir(t, boundDir(t, lost))
	class := cluster.SnapshotClass
	byHand := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "by-hand"}, Spec: snapshotv1.VolumeSnapshotSpec{
		Source: snapshotv1.VolumeSnapshotSource{PersistentVolumeClaimName: &lost.Name}, VolumeSnapshotClassName: &class}}
	create(t, c, byHand)
	waitForSnapshot(t, c, ns)
	deleteClaim(t, c, lost)
	unasked := claim()
	if err := cluster.Create(t.Context(), c, unasked, patience, client.DryRunAll); err != nil || dataSource(unasked) != "" {
		t.Errorf("not adopted: %q, %v", dataSource(unasked), err)
	}
	adopt := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata":{"annotations":{%q:"true"}}}`, v1alpha1.AnnotationAdopt))
	if err := c.Patch(t.Context(), byHand, adopt); err != nil {
		t.Fatal(err)
	}
	again := claim()
	create(t, c, again)
	if got := checksums(t, boundDir(t, again)); fmt.Sprint(got) != fmt.Sprint(written) {
		t.Errorf("log dir after the restore:\n%v\nbefore:\n%v", got, written)
	}
}
