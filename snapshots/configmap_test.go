package snapshots_test

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func TestConfigMapIsTheSameKafkaBackup(t *testing.T) {
	want := snapshotstest.NewBackup("hourly", "kafka", "class").Annotate(v1alpha1.AnnotationRestore, "latest").Spec(func(s *v1alpha1.KafkaBackupSpec) {
		s.RetentionTime, s.TimeZone = "12h", "Europe/Budapest"
		s.VolumeSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "a"}}
	}).Obj()
	cm := snapshotstest.ConfigMapOf(want)
	status := v1alpha1.KafkaBackupStatus{ObservedGeneration: 7, MissedRuns: 3, NextScheduleTime: &metav1.Time{Time: time.Unix(1_800_000_000, 0)},
		Conditions: []metav1.Condition{{Type: "Ready", Message: "a: \"b\"\nc"}}}
	cm, err := snapshots.WithStatus(cm, status)
	if err != nil {
		t.Fatal(err)
	}
	kb, err := snapshots.KafkaBackupOfConfigMap(cm)
	if err != nil {
		t.Fatal(err)
	}
	if !equality.Semantic.DeepEqual(kb.Spec, want.Spec) || !equality.Semantic.DeepEqual(kb.Status, status) || kb.Kind != "ConfigMap" || !snapshots.IsConfigMap(kb) {
		t.Errorf("got %+v", kb)
	}
	b, err := snapshots.BackupOfConfigMap(cm)
	if err != nil || b.Cluster != "kafka" || b.Annotations[v1alpha1.AnnotationRestore] != "latest" || !b.IsConfigMap || b.Object().Kind != "ConfigMap" {
		t.Errorf("got %+v, %v", b, err)
	}
	if _, shown := kb.Annotations[v1alpha1.AnnotationStatus]; shown {
		t.Error("the status is among the annotations")
	}
	edited := cm.DeepCopy()
	edited.Data["spec"] += "suspend: true\n"
	if other, err := snapshots.KafkaBackupOfConfigMap(edited); err != nil || other.Generation == kb.Generation || other.Generation <= 0 || !other.Spec.Suspend {
		t.Errorf("another generation expected: %d after %d, %v", other.Generation, kb.Generation, err)
	}
}

func TestConfigMapMistakes(t *testing.T) {
	tests := map[string]struct {
		data    map[string]string
		says    string
		cluster string
	}{
		"no spec":       {map[string]string{"specification": "a"}, "data.spec: must hold", ""},
		"empty spec":    {map[string]string{"spec": ""}, "spec.clusterRef: should be at least 1 chars long\nspec.schedule: should be", ""},
		"no YAML":       {map[string]string{"spec": "a: b: c"}, "data.spec: ", ""},
		"unknown field": {map[string]string{"spec": "clusterRef: kafka\nretention: 12h\n"}, `unknown field "retention"`, "kafka"},
		"twice":         {map[string]string{"spec": "clusterRef: kafka\nclusterRef: kafka\n"}, "already set", "kafka"},
		"a number":      {map[string]string{"spec": "clusterRef: kafka\nretentionTime: 12\n"}, "retentionTime", ""},
		"two mistakes":  {map[string]string{"spec": "clusterRef: kafka\nschedule: hourly\nretentionTime: 7d\nvolumeSnapshotClassName: a\n"}, "spec.retentionTime: must be a positive duration", "kafka"},
	}
	for name, test := range tests {
		cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kafka", Name: "a", Annotations: map[string]string{
			v1alpha1.AnnotationRestore: "latest", v1alpha1.AnnotationStatus: "{not a status"}}, Data: test.data}
		b, err := snapshots.BackupOfConfigMap(cm)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %q", name, err, test.says)
		}
		if test.cluster != "" && b.Cluster != test.cluster || b.Annotations[v1alpha1.AnnotationRestore] != "latest" {
			t.Errorf("%s: what can be read does not count: %+v", name, b)
		}
	}
}

func TestConfigMapOfTheSameNameDoesNotCount(t *testing.T) {
	kb := snapshotstest.NewBackup("a", "kafka", "class").Obj()
	twin := snapshotstest.ConfigMapOf(snapshotstest.NewBackup("a", "twin", "class").Obj())
	elsewhere := snapshotstest.ConfigMapOf(snapshotstest.NewBackup("a", "elsewhere", "class").In("another").Obj())
	object, _ := snapshots.NewBackup(kb)
	first, _ := snapshots.BackupOfConfigMap(twin)
	second, _ := snapshots.BackupOfConfigMap(elsewhere)
	all := snapshots.Together([]snapshots.Backup{object}, []snapshots.Backup{first, second}, snapshots.Backup.Key)
	if len(all) != 2 || all[0].Cluster != "kafka" || all[1].Cluster != "elsewhere" {
		t.Errorf("got %+v", all)
	}
}

// TestNewConfigMap writes a KafkaBackup to a ConfigMap and reads it again.
func TestNewConfigMap(t *testing.T) {
	kb := snapshotstest.NewBackup("hourly", "kafka", "class").Annotate(v1alpha1.AnnotationRestore, "latest").Spec(func(s *v1alpha1.KafkaBackupSpec) {
		s.RetentionTime, s.Suspend = "12h", true
	}).Obj()
	kb.Labels = map[string]string{"team": "payments"}
	cm, err := snapshots.NewConfigMap(kb)
	if err != nil {
		t.Fatal(err)
	}
	if cm.Kind != "ConfigMap" || cm.Namespace != kb.Namespace || cm.Name != "hourly" || cm.Labels[v1alpha1.LabelConfigMap] != "true" || cm.Labels["team"] != "payments" {
		t.Errorf("made %+v", cm.ObjectMeta)
	}
	got, err := snapshots.KafkaBackupOfConfigMap(cm)
	if err != nil || !equality.Semantic.DeepEqual(got.Spec, kb.Spec) || got.Annotations[v1alpha1.AnnotationRestore] != "latest" {
		t.Errorf("read again as %+v, %v", got, err)
	}
}

// TestWithStatus writes a status to a ConfigMap without annotations from a cache.
// The cached object must not change.
func TestWithStatus(t *testing.T) {
	cached := snapshotstest.ConfigMapOf(snapshotstest.NewBackup("a", "kafka", "class").Obj())
	cached.Annotations = nil
	cm, err := snapshots.WithStatus(cached, v1alpha1.KafkaBackupStatus{MissedRuns: 3})
	if err != nil {
		t.Fatal(err)
	}
	if kb, err := snapshots.KafkaBackupOfConfigMap(cm); err != nil || kb.Status.MissedRuns != 3 {
		t.Errorf("%+v, %v", kb.Status, err)
	}
	if len(cached.Annotations) > 0 {
		t.Errorf("the cache's has %v now", cached.Annotations)
	}
}
