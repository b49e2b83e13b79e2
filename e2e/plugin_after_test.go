package e2e

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// reported writes restores into the status of a KafkaBackup, as the scheduler does
// for a Kafka that it can ask.
func reported(t *testing.T, c client.Client, kb *v1alpha1.KafkaBackup, restores ...v1alpha1.RestoreStatus) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(kb), kb); err != nil {
			return err
		}
		kb.Status.Restores = restores
		return c.Status().Update(ctx, kb)
	})
}

func TestPluginAfter(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns := newNamespace(t, c, nil)
	for n := range 3 {
		create(t, c, member(ns, n))
	}
	at := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	ago := func(d time.Duration) *metav1.Time { return &metav1.Time{Time: at.Add(d)} }
	restore := func(claim string, k *v1alpha1.RestoreReport) v1alpha1.RestoreStatus {
		return v1alpha1.RestoreStatus{PersistentVolumeClaim: claim, VolumeSnapshot: "gone", RequestedTime: *ago(0), BoundTime: ago(time.Second), Kafka: k}
	}
	whole := restore("data-kafka-0", &v1alpha1.RestoreReport{Message: "nothing is gone of what 12 partitions had at " + at.Format(time.RFC3339),
		InSyncTime: ago(130 * time.Second), ReportedTime: ago(140 * time.Second), RecordsGone: ptr.To(int64(0)), Exactness: "Exactly"})
	asked := snapshotstest.NewBackup("asked", "kafka", cluster.SnapshotClass).In(ns).Schedule(never).
		Spec(func(s *v1alpha1.KafkaBackupSpec) {
			s.Kafka = &v1alpha1.KafkaAccess{BootstrapServers: "kafka:9092"}
		}).Obj()
	create(t, c, asked)
	if p := kubectlSnapback(t, ns, "after"); p.code != 0 || p.out != "" || p.err != "No restore of Kafka cluster "+ns+"/kafka is known.\n" {
		t.Errorf("before any restore: exit code %d\n%s%s", p.code, p.out, p.err)
	}
	reported(t, c, asked, whole)
	golden(t, "after-nothing", kubectlSnapback(t, ns, "after", "kafka").out)

	reported(t, c, asked, whole, restore("data-kafka-1", &v1alpha1.RestoreReport{Message: "at most 200 records of 1 partition are gone",
		InSyncTime: ago(time.Minute), ReportedTime: ago(time.Minute), RecordsGone: ptr.To(int64(200)), Exactness: "AtMost", PartitionsLost: 1,
		LostPartitions:      []v1alpha1.LostPartition{{Topic: "t", From: 1000, To: 1200, Exactness: "AtMost"}},
		GroupsBeyondEnd:     []v1alpha1.GroupBeyondEnd{{Group: "g", Topic: "t", Committed: 1100, End: 1000, ResetTo: ptr.To(int64(1000))}},
		HangingTransactions: []v1alpha1.HangingTransaction{{Topic: "t", StartOffset: 990, ProducerID: 7}}}))
	deaf := snapshotstest.NewBackup("deaf", "kafka", cluster.SnapshotClass).In(ns).Schedule(never).Obj()
	create(t, c, deaf)
	reported(t, c, deaf, restore("data-kafka-2", nil))
	golden(t, "after", kubectlSnapback(t, ns, "after").out, ns, "NAMESPACE")
	golden(t, "after-name", kubectlSnapback(t, ns, "after", "-o", "name").out)

	var printed struct{ Restores []inventory.Restore }
	p := kubectlSnapback(t, ns, "after", "--broker", "1", "-o", "json")
	if err := json.Unmarshal([]byte(p.out), &printed); err != nil || len(printed.Restores) != 1 || *printed.Restores[0].Kafka.RecordsGone != 200 || printed.Restores[0].Broker != "kafka-1" {
		t.Errorf("-o json: %s, %v", p.out, err)
	}
	kubectlSnapback(t, ns, "after", "--broker", "7").fails(t, `no broker "7", there are: kafka-0, kafka-1, kafka-2`)
}
