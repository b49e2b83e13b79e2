package screen

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

const driver = "csi.example.com"

// now is when every screen is looked at.
var now = time.Date(2026, time.March, 1, 12, 30, 0, 0, time.UTC)

// key names the cluster of the tests.
var key = inventory.ClusterKey{Namespace: snapshotstest.Namespace, Name: "kafka"}

func ago(d time.Duration) time.Time { return now.Truncate(time.Hour).Add(-d) }

func claim(broker int) *snapshotstest.Claim {
	return snapshotstest.StatefulSetClaim("kafka", broker).Class("ssd")
}

// bound is a claim that is in use for days.
func bound(c *snapshotstest.Claim) *corev1.PersistentVolumeClaim {
	pvc := c.Obj()
	pvc.Status.Phase = corev1.ClaimBound
	pvc.CreationTimestamp = metav1.Time{Time: ago(48 * time.Hour)}
	return pvc
}

func hourly() *snapshotstest.Backup {
	return snapshotstest.NewBackup("hourly", "kafka", "csi").Annotate(v1alpha1.AnnotationRestore, "latest")
}

// observed is a KafkaBackup that the scheduler has looked at.
func observed(b *snapshotstest.Backup, change func(*v1alpha1.KafkaBackup)) *v1alpha1.KafkaBackup {
	kb := b.Obj()
	kb.CreationTimestamp = metav1.Time{Time: ago(48 * time.Hour)}
	kb.UID = "uid-of-" + kb.ObjectMeta.UID
	kb.Status.ObservedGeneration = 1
	if change != nil {
		change(kb)
	}
	return kb
}

// taken is a snapshot of an hourly run that is not cut yet.
func taken(c *snapshotstest.Claim, hours int) *snapshotstest.Snapshot {
	return snapshotstest.NewSnapshot(c, hourly(), driver, ago(time.Duration(hours)*time.Hour))
}

func load(t testing.TB, objects ...client.Object) *inventory.Inventory {
	t.Helper()
	objects = append(objects, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: snapshotstest.Namespace}},
		&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "ssd"}, Provisioner: driver})
	c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithObjects(objects...).Build()
	i, err := inventory.Load(t.Context(), c, snapshotstest.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	return i
}
