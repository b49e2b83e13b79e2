package drill

import (
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

func taskFor(t *testing.T) (task, *corev1.PersistentVolumeClaim) {
	t.Helper()
	vs := taken(0, 1).Obj()
	drill := task{askerFor(t, "daily", "@every 24h"), snapshotOf(t, vs), after(24)}
	return drill, newClaim(drill, vs)
}

func TestClaim(t *testing.T) {
	drill, pvc := taskFor(t)
	if want := map[string]string{"app.kubernetes.io/managed-by": "snapback", "snapback.dev/drill": "events"}; !maps.Equal(pvc.Labels, want) {
		t.Errorf("labels %v, want %v", pvc.Labels, want)
	}
	if pvc.Name != name(drill) || pvc.Annotations[v1alpha1.AnnotationDrillDue] != "2026-03-02T12:00:00Z" || snapshots.SourceOf(pvc) != drill.good.Name || *pvc.Spec.StorageClassName != "fast" {
		t.Errorf("claim: %+v", pvc)
	}
	if owner := pvc.OwnerReferences[0]; owner.Kind != "KafkaBackup" || owner.UID != "uid-of-backup" || owner.Controller != nil || owner.BlockOwnerDeletion != nil {
		t.Errorf("owner: %+v", owner)
	}
	drill.asker.IsConfigMap = true
	if owner := newClaim(drill, taken(0, 1).Obj()).OwnerReferences[0]; owner.Kind != "ConfigMap" || owner.APIVersion != "v1" {
		t.Errorf("owner: %+v", owner)
	}
	everything := snapshots.Backup{Namespace: "kafka", Name: "all", Cluster: "events", VolumeSelector: labels.Everything()}
	if _, ok := snapshots.Identify("kafka", pvc, []snapshots.Backup{everything}); ok || !isOurs(pvc) {
		t.Error("the claim of a drill is taken for a broker's")
	}
	later := drill
	later.due = after(48)
	if name(later) == name(drill) {
		t.Error("two drills have one name")
	}
}

func TestClaimSize(t *testing.T) {
	for want, of := range map[string]struct{ stamped, reported string }{
		"10Gi": {"10Gi", "0"}, "12Gi": {"10Gi", "12Gi"}, "11Gi": {"11Gi", "4Gi"}, "1Gi": {"", "0"},
	} {
		vs := taken(0, 1).Size(of.reported).Obj()
		vs.Annotations[v1alpha1.AnnotationCapacity] = of.stamped
		if got := sizeOf(vs); got.String() != want {
			t.Errorf("%+v: %s, want %s", of, got.String(), want)
		}
	}
}

func TestAdoptsOnlyTheSameClaim(t *testing.T) {
	_, want := taskFor(t)
	for what, change := range map[string]func(*corev1.PersistentVolumeClaim){
		"nothing":        nil,
		"status":         func(c *corev1.PersistentVolumeClaim) { c.Status.Phase = corev1.ClaimBound },
		"no label":       func(c *corev1.PersistentVolumeClaim) { delete(c.Labels, v1alpha1.LabelDrill) },
		"one more label": func(c *corev1.PersistentVolumeClaim) { c.Labels["team"] = "data" },
		"another label":  func(c *corev1.PersistentVolumeClaim) { c.Labels[v1alpha1.LabelManagedBy] = "others" },
		"another time":   func(c *corev1.PersistentVolumeClaim) { c.Annotations[v1alpha1.AnnotationDrillDue] = "x" },
		"another source": func(c *corev1.PersistentVolumeClaim) { c.Spec.DataSource = nil },
		"another owner":  func(c *corev1.PersistentVolumeClaim) { c.OwnerReferences = nil },
	} {
		have := want.DeepCopy()
		if change != nil {
			change(have)
		}
		if got, same := isSame(have, want), what == "nothing" || what == "status" || what == "one more label"; got != same {
			t.Errorf("%s is different: isSame is %v", what, got)
		}
	}
}

func TestAvailable(t *testing.T) {
	_, pvc := taskFor(t)
	pv := func(name string, change ...func(*corev1.PersistentVolume)) corev1.PersistentVolume {
		pv := corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}}
		pv.Spec.StorageClassName, pv.Status.Phase = "fast", corev1.VolumeAvailable
		pv.Spec.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("10Gi")}
		for _, c := range change {
			c(&pv)
		}
		return pv
	}
	block := corev1.PersistentVolumeBlock
	others := []corev1.PersistentVolume{
		pv("bound", func(pv *corev1.PersistentVolume) { pv.Status.Phase = corev1.VolumeBound }),
		pv("reserved", func(pv *corev1.PersistentVolume) { pv.Spec.ClaimRef = &corev1.ObjectReference{Name: "x"} }),
		pv("other-class", func(pv *corev1.PersistentVolume) { pv.Spec.StorageClassName = "slow" }),
		pv("block", func(pv *corev1.PersistentVolume) { pv.Spec.VolumeMode = &block }),
		pv("small", func(pv *corev1.PersistentVolume) {
			pv.Spec.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("9Gi")}
		}),
	}
	if got := available(others, pvc); got != "" {
		t.Errorf("%s could be bound", got)
	}
	if got := available(append(others, pv("b"), pv("a")), pvc); got != "a" {
		t.Errorf("%q could be bound, want a", got)
	}
}

func TestPolicyOfVolumes(t *testing.T) {
	pvc := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{UID: "1", CreationTimestamp: metav1.NewTime(noon)}}
	made := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pvc-1", Annotations: map[string]string{"pv.kubernetes.io/provisioned-by": "driver"}}}
	if got := policyFor(made, pvc); got != corev1.PersistentVolumeReclaimDelete {
		t.Errorf("a volume made for the drill: %s", got)
	}
	if got := policyFor(&corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "precious"}}, pvc); got != corev1.PersistentVolumeReclaimRetain {
		t.Errorf("a volume of somebody else: %s", got)
	}
}
