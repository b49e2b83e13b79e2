package doctor

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

// drillsOf is a KafkaBackup with spec.drill, and a condition unless the reason is
// empty.
func drillsOf(status metav1.ConditionStatus, reason, message string) inventory.Backup {
	kb := &v1alpha1.KafkaBackup{ObjectMeta: metav1.ObjectMeta{Namespace: "kafka", Name: "b"},
		Spec: v1alpha1.KafkaBackupSpec{ClusterRef: "my-cluster", Drill: &v1alpha1.DrillSpec{Schedule: "@daily"}}}
	if reason != "" {
		kb.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionBackupsProven, Status: status, Reason: reason, Message: message}}
	}
	return inventory.Backup{KafkaBackup: kb}
}

func drilledVolume(role snapshots.Role, size string) inventory.Volume {
	pvc := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "kafka", Name: "data-" + string(role)}}
	pvc.Spec.StorageClassName = ptr.To("ssd")
	pvc.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}
	return inventory.Volume{Volume: snapshots.Volume{Namespace: "kafka", Cluster: "my-cluster", Slot: pvc.Name, Role: role}, Claims: []*corev1.PersistentVolumeClaim{pvc}}
}

func TestDrillsComponent(t *testing.T) {
	deployment := func(ready int32, args ...string) *appsv1.Deployment {
		d := &appsv1.Deployment{Status: appsv1.DeploymentStatus{ReadyReplicas: ready}}
		d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "webhook"}, {Name: "scheduler", Args: args}}
		return d
	}
	told := deployment(1, "scheduler", "--drills")
	want(t, judgeDrillsComponent(deployment(1), told, "s"), OK, "Deployment s/snapback-drills: restore drills are made")
	want(t, judgeDrillsComponent(deployment(1), nil, "s"), OK, "")
	want(t, judgeDrillsComponent(nil, told, "s"), Problem, "Deployment s/snapback-drills: it does not exist")
	want(t, judgeDrillsComponent(deployment(0), told, "s"), Problem, "none of its replicas is ready")
	want(t, judgeDrillsComponent(deployment(1), deployment(1, "scheduler"), "s"), Problem, "Deployment s/snapback: its scheduler runs without --drills")
}

func TestDrillsProof(t *testing.T) {
	want(t, judgeProof(drillsOf("", "", "")), Warning, "KafkaBackup kafka/b: the scheduler has not judged")
	want(t, judgeProof(drillsOf(metav1.ConditionTrue, v1alpha1.ReasonProven, "all well")), OK, "all well")
	want(t, judgeProof(drillsOf(metav1.ConditionUnknown, v1alpha1.ReasonNotProvenYet, "1 of 2")), OK, "1 of 2")
	want(t, judgeProof(drillsOf(metav1.ConditionFalse, v1alpha1.ReasonSnapshotDamaged, "torn\nlog")), Problem, "SnapshotDamaged: torn log")
	want(t, judgeProof(drillsOf(metav1.ConditionFalse, v1alpha1.ReasonDrillOverdue, "late")), Warning, "DrillOverdue: late")
	if found := judgeProof(drillsOf(metav1.ConditionFalse, v1alpha1.ReasonDrillsNotInstalled, "")); found != nil {
		t.Errorf("said twice: %+v", found)
	}
}

func TestDrillsCannotRead(t *testing.T) {
	b := drillsOf("", "", "")
	broker, zookeeper := drilledVolume(snapshots.RoleBroker, "1Gi"), drilledVolume(snapshots.RoleZooKeeper, "1Gi")
	want(t, judgeDrillable(b, []inventory.Volume{broker, zookeeper}), OK, "raw block devices: data-zookeeper")
	if found := judgeDrillable(b, []inventory.Volume{broker}); found != nil {
		t.Errorf("it can be read: %+v", found)
	}
}

func TestDrillsUser(t *testing.T) {
	volumes := []inventory.Volume{drilledVolume(snapshots.RoleBroker, "1Gi")}
	pod := func(claim string, user, ofContainer *int64) []corev1.Pod {
		p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "kafka-0"}}
		p.Spec.Volumes = []corev1.Volume{{VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}}}
		p.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: user}
		p.Spec.Containers = []corev1.Container{{SecurityContext: &corev1.SecurityContext{RunAsUser: ofContainer}}}
		return []corev1.Pod{p}
	}
	root, kafka := ptr.To[int64](0), ptr.To[int64](1001)
	b := drillsOf("", "", "")
	want(t, judgeUser(b, volumes, pod("data-broker", root, nil)), Warning, "never runs as root: kafka-0")
	want(t, judgeUser(b, volumes, pod("data-broker", nil, root)), Warning, "kafka-0")
	for name, pods := range map[string][]corev1.Pod{
		"as Kafka": pod("data-broker", kafka, nil), "a container as Kafka": pod("data-broker", root, kafka), "of the image": pod("data-broker", nil, nil), "another's": pod("other", root, nil),
	} {
		if found := judgeUser(b, volumes, pods); found != nil {
			t.Errorf("%s: %+v", name, found)
		}
	}
	b.Spec.Drill.SecurityContext = &v1alpha1.DrillSecurityContext{FSGroup: kafka}
	if found := judgeUser(b, volumes, pod("data-broker", root, nil)); found != nil {
		t.Errorf("somebody has decided: %+v", found)
	}
}

func TestDrillsRoom(t *testing.T) {
	volumes := []inventory.Volume{drilledVolume(snapshots.RoleBroker, "10Gi"), drilledVolume(snapshots.RoleController, "1Gi")}
	quota := func(name corev1.ResourceName, hard, used string) corev1.ResourceQuota {
		return corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: "kafka", Name: "q"}, Status: corev1.ResourceQuotaStatus{
			Hard: corev1.ResourceList{name: resource.MustParse(hard)}, Used: corev1.ResourceList{name: resource.MustParse(used)}}}
	}
	want(t, judgeRoom(volumes, quota("requests.storage", "20Gi", "11Gi")), Warning, "ResourceQuota kafka/q: it has no room for a restore drill of the largest volume: requests.storage (9Gi left of 20Gi, 10Gi needed)")
	want(t, judgeRoom(volumes, quota("ssd.storageclass.storage.k8s.io/requests.storage", "11Gi", "11Gi")), Warning, "0 left")
	want(t, judgeRoom(volumes, quota("persistentvolumeclaims", "2", "2")), Warning, "persistentvolumeclaims")
	want(t, judgeRoom(volumes, quota("pods", "3", "3")), Warning, "pods")
	for name, q := range map[string]corev1.ResourceQuota{
		"room enough": quota("requests.storage", "21Gi", "11Gi"), "of another class": quota("hdd.storageclass.storage.k8s.io/requests.storage", "1Gi", "1Gi"), "a pod more": quota("pods", "4", "3"),
	} {
		if found := judgeRoom(volumes, q); found != nil {
			t.Errorf("%s: %+v", name, found)
		}
	}
}
