package inventory

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func TestRestores(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 2, 21, 19, 5, 33, 0, time.UTC)
	some := &metav1.Time{Time: at}
	restore := func(claim string, ago time.Duration, k *v1alpha1.RestoreReport) v1alpha1.RestoreStatus {
		return v1alpha1.RestoreStatus{PersistentVolumeClaim: claim, VolumeSnapshot: "gone", RequestedTime: metav1.Time{Time: at.Add(-ago)}, BoundTime: some, Kafka: k}
	}
	backup := func(name string, access *v1alpha1.KafkaAccess, restores ...v1alpha1.RestoreStatus) Backup {
		kb := snapshotstest.NewBackup(name, "kafka", "class").Obj()
		kb.Spec.Kafka, kb.Status.Restores = access, restores
		return Backup{KafkaBackup: kb}
	}
	made := func() *v1alpha1.RestoreReport {
		return &v1alpha1.RestoreReport{Message: "nothing", InSyncTime: some, ReportedTime: some}
	}
	claim := func(name string) *corev1.PersistentVolumeClaim { return snapshotstest.PlainClaim(name).Obj() }
	inv := &Inventory{
		Backups: []Backup{
			backup("deaf", nil, restore("c0", time.Hour, nil), restore("c1", time.Hour, nil)),
			backup("hourly", &v1alpha1.KafkaAccess{BootstrapServers: "a:1, b:1", TLS: &v1alpha1.KafkaTLS{}},
				restore("c0", time.Hour, made()), restore("c0", 2*time.Hour, made()), restore("c2", 0, &v1alpha1.RestoreReport{Message: "on its way"}),
				v1alpha1.RestoreStatus{PersistentVolumeClaim: "c3", RequestedTime: metav1.Time{Time: at.Add(-3 * time.Hour)}}, restore("c4", 4*time.Hour, nil)),
		},
		Volumes: []Volume{
			{Volume: snapshots.Volume{Namespace: snapshotstest.Namespace, Node: "kafka-0"}, Claims: []*corev1.PersistentVolumeClaim{claim("c0")}},
			{Volume: snapshots.Volume{Namespace: snapshotstest.Namespace, Node: "kafka-1"}, Claims: []*corev1.PersistentVolumeClaim{claim("c1")}},
			{Volume: snapshots.Volume{Namespace: snapshotstest.Namespace, Node: "kafka-2"}, Snapshots: []snapshots.Snapshot{{Name: "gone"}}},
		},
	}
	inv.Volumes[2].Snapshots[0].Name = "s2"
	inv.Backups[1].Status.Restores[2].VolumeSnapshot = "s2"
	all, err := inv.Restores("")
	if err != nil {
		t.Fatal(err)
	}
	want := []struct{ claim, backup, broker, waiting string }{
		{"c2", "hourly", "kafka-2", "on its way"},
		{"c0", "hourly", "kafka-0", ""},
		{"c1", "deaf", "kafka-1", "Kafka is not asked: KafkaBackup deaf has no spec.kafka"},
		{"c3", "hourly", "", "the claim is not bound yet"},
		{"c4", "hourly", "", "the scheduler does not follow it: it has not looked yet, or the restore was more than a day old when it first could"},
	}
	if len(all) != len(want) {
		t.Fatalf("%d restores: %+v", len(all), all)
	}
	for n, w := range want {
		if r := all[n]; r.PersistentVolumeClaim != w.claim || r.KafkaBackup != w.backup || r.Broker != w.broker || r.Waiting != w.waiting {
			t.Errorf("restore %d: %+v, want %+v", n, r, w)
		}
	}
	if r := all[0]; r.Bootstrap != "a:1,b:1" || !r.Secured {
		t.Errorf("commands for %q, secured %v", r.Bootstrap, r.Secured)
	}
	if r := all[2]; r.Bootstrap != unknownBootstrap || r.Secured {
		t.Errorf("commands for %q, secured %v", r.Bootstrap, r.Secured)
	}
	if of, err := inv.Restores("2"); err != nil || len(of) != 1 || of[0].PersistentVolumeClaim != "c2" {
		t.Errorf("of broker 2: %+v, %v", of, err)
	}
	if _, err := inv.Restores("7"); err == nil {
		t.Error("a broker that is not there has restores")
	}
}

// TestNamesakes has claims, snapshots and KafkaBackups of one name in two namespaces.
func TestNamesakes(t *testing.T) {
	t.Parallel()
	inv := &Inventory{}
	for _, namespace := range []string{"a", "b"} {
		kb := snapshotstest.NewBackup("hourly", "kafka", "class").Obj()
		kb.Namespace = namespace
		kb.Status.Restores = []v1alpha1.RestoreStatus{{PersistentVolumeClaim: "c0", VolumeSnapshot: "s"}}
		inv.Backups = append(inv.Backups, Backup{KafkaBackup: kb})
		inv.Volumes = append(inv.Volumes, Volume{Volume: snapshots.Volume{Namespace: namespace, Node: "broker-of-" + namespace}, Snapshots: []snapshots.Snapshot{{Name: "s"}}})
	}
	all, err := inv.Restores("")
	if err != nil || len(all) != 2 || all[0].Broker != "broker-of-a" || all[1].Broker != "broker-of-b" {
		t.Errorf("restores %+v, %v", all, err)
	}
	if b, err := inv.Backup("b", "hourly"); err != nil || b.Namespace != "b" {
		t.Errorf("the KafkaBackup of namespace b is %+v, %v", b.KafkaBackup, err)
	}
	if b, err := inv.Backup("c", "hourly"); err == nil {
		t.Errorf("namespace c has %+v", b.KafkaBackup)
	}
}
