package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// outlive makes a cluster's runs continue without the volume of a snapshot: another
// broker gets two newer snapshots.
func outlive(t *testing.T, c client.Client, ns, snapshot string, other *snapshotstest.Claim) {
	t.Helper()
	taken := &snapshotv1.VolumeSnapshot{}
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: snapshot}, taken); err != nil {
		t.Fatal(err)
	}
	for _, later := range []time.Duration{time.Hour, 2 * time.Hour} {
		copySnapshot(t, c, taken, other.In(ns), time.Now().Add(later).UTC().Format(time.RFC3339))
	}
}

// age changes the time of a snapshot to 200 days ago.
func age(t *testing.T, c client.Client, ns, snapshot string) {
	t.Helper()
	annotateSnapshot(t, c, ns, snapshot, v1alpha1.AnnotationScheduledTime, time.Now().Add(-200*24*time.Hour).UTC().Format(time.RFC3339))
}

// TestKoperatorsMemory scales a broker down and, 200 days later, up again. Its
// KafkaCluster tells whether it was lost, or is a new one of the same id.
func TestKoperatorsMemory(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	operatorCRD(t, c, "kafka.banzaicloud.io", "v1beta1", "KafkaCluster", "kafkaclusters")
	ns, snapshot := backedUp(t, c, snapshotstest.KoperatorClaim("kafka", 2, "/kafka-logs"), "kafka")
	outlive(t, c, ns, snapshot, snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs"))
	age(t, c, ns, snapshot)
	annotateSnapshot(t, c, ns, snapshot, v1alpha1.AnnotationClusterUID, "the-cluster")
	ask := func(ctx context.Context) (*corev1.PersistentVolumeClaim, error) {
		pvc := snapshotstest.KoperatorClaim("kafka", 2, "/kafka-logs").In(ns).Class(cluster.StorageClass).Owner("KafkaCluster", "the-cluster").Obj()
		return pvc, c.Create(ctx, pvc, client.DryRunAll)
	}
	eventually(t, func(ctx context.Context) error {
		if pvc, err := ask(ctx); !apierrors.IsForbidden(err) || !contains(err, v1alpha1.AnnotationRestoreOrphanAge) {
			return fmt.Errorf("nobody knows whether it was lost: %q, %w", dataSource(pvc), err)
		}
		return nil
	})
	state := func(brokers map[string]any) map[string]any {
		return map[string]any{"status": map[string]any{"brokersState": brokers}}
	}
	bound := map[string]any{"gracefulActionState": map[string]any{"volumeStates": map[string]any{"/kafka-logs": map[string]any{}}}}
	kafka := &unstructured.Unstructured{Object: state(map[string]any{"0": bound})}
	kafka.SetAPIVersion("kafka.banzaicloud.io/v1beta1")
	kafka.SetKind("KafkaCluster")
	kafka.SetNamespace(ns)
	kafka.SetName("kafka")
	eventually(t, func(ctx context.Context) error { return c.Create(ctx, kafka.DeepCopy()) })
	eventually(t, func(ctx context.Context) error {
		pvc, err := ask(ctx)
		if err != nil || dataSource(pvc) != "" || pvc.Annotations[v1alpha1.AnnotationPromote] != "true" {
			return fmt.Errorf("it is new to Koperator: %q, %v, %w", dataSource(pvc), pvc.Annotations, err)
		}
		return nil
	})
	lost := kafka.DeepCopy()
	lost.Object["status"] = state(map[string]any{"0": bound, "2": bound})["status"]
	if err := c.Patch(t.Context(), lost, client.MergeFrom(kafka)); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		if pvc, err := ask(ctx); err != nil || !strings.HasSuffix(dataSource(pvc), " "+snapshot) {
			return fmt.Errorf("Koperator knows that it was lost: %q, %w", dataSource(pvc), err)
		}
		return nil
	})
}

// TestStrimzisMemory does the same with the node ids of a pool.
func TestStrimzisMemory(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	strimziCRD(t, c, "KafkaNodePool", "kafkanodepools")
	strimziCRD(t, c, "Kafka", "kafkas")
	ns, snapshot := backedUp(t, c, snapshotstest.StrimziClaim("kafka", "pool", 2, 0), "kafka")
	outlive(t, c, ns, snapshot, snapshotstest.StrimziClaim("kafka", "pool", 0, 0))
	age(t, c, ns, snapshot)
	kafka := strimziObject("Kafka", ns, "kafka", map[string]any{})
	eventually(t, func(ctx context.Context) error { return c.Create(ctx, kafka) })
	annotateSnapshot(t, c, ns, snapshot, v1alpha1.AnnotationClusterUID, string(kafka.GetUID()))
	for _, test := range []struct {
		ids  []any
		want string // part of a refusal, or a source; empty: an empty volume
	}{
		{nil, v1alpha1.AnnotationRestoreOrphanAge},
		{[]any{int64(0)}, ""},
		{[]any{int64(0), int64(2)}, snapshot},
	} {
		pool := strimziObject("KafkaNodePool", ns, "pool", map[string]any{"spec": map[string]any{"roles": []any{"broker"}}, "status": map[string]any{"nodeIds": test.ids}})
		if test.ids != nil {
			eventually(t, func(ctx context.Context) error {
				if err := c.Delete(ctx, pool.DeepCopy()); client.IgnoreNotFound(err) != nil {
					return err
				}
				return c.Create(ctx, pool.DeepCopy())
			})
		}
		eventually(t, func(ctx context.Context) error {
			pvc := snapshotstest.StrimziClaim("kafka", "pool", 2, 0).In(ns).Class(cluster.StorageClass).Obj()
			err := c.Create(ctx, pvc, client.DryRunAll)
			got := dataSource(pvc)
			if err != nil {
				got = err.Error()
			}
			if test.want == "" && got != "" || !strings.Contains(got, test.want) {
				return fmt.Errorf("with node ids %v the claim gets %q, want %q", test.ids, got, test.want)
			}
			return nil
		})
	}
}

// TestStrippedMarks restores the second newest snapshot, since the newest is not
// ready, for an operator that takes off what others write on its claims. When
// the newest is ready it is as good as it was: nobody has chosen to go back
// behind it.
func TestStrippedMarks(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	claim := func() *snapshotstest.Claim { return snapshotstest.StatefulSetClaim("kafka", 0) }
	ns, snapshot := backedUp(t, c, claim(), "kafka")
	slow := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{GenerateName: "slow-"}, Provisioner: cluster.DriverName, Parameters: map[string]string{"createAfter": "5s"}}
	create(t, c, slow)
	restored := claim().In(ns).Class(slow.Name).Obj()
	create(t, c, restored)
	if !strings.HasSuffix(dataSource(restored), " "+snapshot) {
		t.Fatalf("the claim gets %q", dataSource(restored))
	}
	// A snapshot from before the claim, newer than the one it was restored from.
	taken := &snapshotv1.VolumeSnapshot{}
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: snapshot}, taken); err != nil {
		t.Fatal(err)
	}
	age(t, c, ns, snapshot)
	newer := copySnapshot(t, c, taken, claim().In(ns), time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))
	stripped := restored.DeepCopy()
	for _, mark := range []string{v1alpha1.AnnotationRestoredFrom, v1alpha1.AnnotationRestoredTime} {
		delete(stripped.Annotations, mark)
	}
	if err := c.Patch(t.Context(), stripped, client.MergeFrom(restored)); err != nil {
		t.Fatal(err)
	}
	waitForRestore(t, c, ns, restored.Name)
	if got := annotationOf(t, c, ns, newer, v1alpha1.AnnotationAbandoned); got != "" {
		t.Errorf("the newer snapshot is marked as abandoned for %s", got)
	}
}

// waitForRestore waits until the KafkaBackup has seen the claim bound, and all
// that follows from it is done.
func waitForRestore(t *testing.T, c client.Client, ns, claim string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		var backups v1alpha1.KafkaBackupList
		if err := c.List(ctx, &backups, client.InNamespace(ns)); err != nil {
			return err
		}
		for _, kb := range backups.Items {
			for _, r := range kb.Status.Restores {
				if r.PersistentVolumeClaim == claim && r.BoundTime != nil {
					return nil
				}
			}
		}
		return fmt.Errorf("no KafkaBackup has seen claim %s restored", claim)
	})
}
