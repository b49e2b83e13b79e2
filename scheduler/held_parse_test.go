package scheduler

import (
	"fmt"
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestConfigMapsAreParsedOnce reads KafkaBackups many times from ConfigMaps that
// do not change, and from one that changes and is deleted.
func TestConfigMapsAreParsedOnce(t *testing.T) {
	all := make([]client.Object, 20)
	for i := range all {
		all[i] = snapshotstest.ConfigMapOf(snapshotstest.NewBackup(fmt.Sprintf("b%d", i), "kafka", "csi").Obj())
	}
	r := &Reconciler{Client: fake.NewClientBuilder().WithObjects(all...).Build()}
	r.kinds.missing = append(r.kinds.missing, kafkaBackups)
	key := types.NamespacedName{Namespace: snapshotstest.Namespace, Name: "b7"}
	backupsRead := func() map[types.NamespacedName]*v1alpha1.KafkaBackup {
		t.Helper()
		backups, err := r.backups(t.Context(), snapshotstest.Namespace)
		if err != nil || len(backups) != len(all) {
			t.Fatalf("%d backups, %v", len(backups), err)
		}
		if kb, mistake, err := r.read(t.Context(), key); err != nil || mistake != nil || kb.Spec.ClusterRef != "kafka" || kb == r.configMaps.byKey[key].kafkaBackup {
			t.Fatalf("%+v, %v, %v", kb, mistake, err)
		}
		is := map[types.NamespacedName]*v1alpha1.KafkaBackup{}
		for key, held := range r.configMaps.byKey {
			is[key] = held.kafkaBackup
		}
		return is
	}
	first := backupsRead()
	if again := backupsRead(); !maps.Equal(again, first) || len(again) != len(all) {
		t.Error("parsed again, unchanged")
	}
	var cm corev1.ConfigMap
	if err := r.Client.Get(t.Context(), key, &cm); err != nil {
		t.Fatal(err)
	}
	cm.Data["spec"] += "suspend: true\n"
	if err := r.Client.Update(t.Context(), &cm); err != nil {
		t.Fatal(err)
	}
	for name, kb := range backupsRead() {
		if changed := kb != first[name]; changed != (name == key) {
			t.Errorf("%s: parsed again %t", name, changed)
		}
	}
	if !r.configMaps.byKey[key].backup.Suspended {
		t.Error("the change was not seen")
	}
	if err := r.Client.Delete(t.Context(), &cm); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.read(t.Context(), key); !apierrors.IsNotFound(err) || r.configMaps.byKey[key].kafkaBackup != nil {
		t.Errorf("%v, and it is kept", err)
	}
}
