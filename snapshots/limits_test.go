package snapshots_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// mostTold is more bytes than any of our texts has without its quotes.
const mostTold = 1024

func configMapWith(spec string) *corev1.ConfigMap {
	cm := snapshotstest.ConfigMapOf(snapshotstest.NewBackup("a", "kafka", "csi").Obj())
	cm.Data["spec"] = spec
	return cm
}

const goodSpec = "clusterRef: kafka\nschedule: '@hourly'\nvolumeSnapshotClassName: csi\n"

func TestSpecsAreBounded(t *testing.T) {
	pad := func(to int) string { return goodSpec + "#" + strings.Repeat("x", to-len(goodSpec)-1) }
	for name, test := range map[string]struct {
		spec string
		says string // empty: it is fine
	}{
		"16 KiB":                  {pad(16 << 10), ""},
		"more":                    {pad(16<<10 + 1), "data.spec: must have at most 16384 bytes"},
		"much more":               {pad(900 << 10), "data.spec: must have at most 16384 bytes"},
		"an alias":                {goodSpec + "volumeSelector: {matchLabels: &a {x: \"y\"}}\n", "anchor"},
		"an alias in a list":      {"clusterRef: [&a b,*a]\n", "anchor"},
		"an alias after a key":    {"{\"clusterRef\":&a b}", "anchor"},
		"an alias of a document":  {"&a\nclusterRef: kafka\n", "anchor"},
		"an ampersand in a word":  {goodSpec + "# R&D\n", ""},
		"an ampersand in a text":  {goodSpec + "# this & that && more\n", ""},
		"a long unknown field":    {goodSpec + strings.Repeat("x", 1020) + ": 1\n", "unknown field"},
		"a long duration":         {goodSpec + "retentionTime: \"" + strings.Repeat("1h", 4000) + "\"\n", "spec.retentionTime"},
		"a long label":            {goodSpec + "volumeSelector: {matchLabels: {a: \"" + strings.Repeat("x", 8000) + "\"}}\n", "spec.volumeSelector"},
		"deep, as far as it goes": {strings.Repeat("[", 8000) + strings.Repeat("]", 8000), "data.spec"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := snapshots.BackupOfConfigMap(configMapWith(test.spec))
			if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want %q", err, test.says)
			}
			if err != nil && len(err.Error()) > mostTold {
				t.Errorf("a text of %d bytes", len(err.Error()))
			}
			slim, slimErr := snapshots.BackupOfConfigMap(snapshots.SlimConfigMap(configMapWith(test.spec)))
			if fmt.Sprint(slimErr) != fmt.Sprint(err) || err == nil && slim.Cluster != "kafka" {
				t.Errorf("out of a cache: %v, want %v", slimErr, err)
			}
		})
	}
}

// A text that would have megabytes once its aliases are resolved is not read.
func TestAliasesAreNotResolved(t *testing.T) {
	bomb := "retentionTime: &a [" + strings.Repeat("1,", 4000) + "1]\nclusterRef: [" + strings.Repeat("*a,", 95) + "*a]\n"
	if n := testing.AllocsPerRun(1, func() { _, _ = snapshots.BackupOfConfigMap(configMapWith(bomb)) }); n > 10_000 {
		t.Errorf("%.0f allocations for %d bytes", n, len(bomb))
	}
	cm := configMapWith(goodSpec)
	cm.Annotations = map[string]string{v1alpha1.AnnotationStatus: bomb}
	if n := testing.AllocsPerRun(1, func() { _, _ = snapshots.KafkaBackupOfConfigMap(cm) }); n > 10_000 {
		t.Errorf("%.0f allocations for a status of %d bytes", n, len(bomb))
	}
}

func TestVolumeSelectorsAreBounded(t *testing.T) {
	kb := snapshotstest.NewBackup("a", "kafka", "csi").Spec(func(s *v1alpha1.KafkaBackupSpec) {
		values := make([]string, 5000)
		for i := range values {
			values[i] = fmt.Sprintf("value-%d", i)
		}
		s.VolumeSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: metav1.LabelSelectorOpIn, Values: values}}}
	}).Obj()
	if b, err := snapshots.NewBackup(kb); err == nil || b.VolumeSelector != nil || b.Cluster != "kafka" {
		t.Errorf("%+v, %v", b, err)
	}
}

// fullStatus returns a status with all fields set, and with the longest names.
func fullStatus() v1alpha1.KafkaBackupStatus {
	name, at := strings.Repeat("n", 253), metav1.Time{Time: time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)}
	s := v1alpha1.KafkaBackupStatus{NextScheduleTime: &at, LastScheduleTime: &at, LastSuccessfulTime: &at, LastRunNow: &at,
		LastRun: &v1alpha1.RunStatus{ScheduledTime: at, CompletionTime: &at, Skew: "1h2m3s"}}
	for range 10 {
		s.Restores = append(s.Restores, v1alpha1.RestoreStatus{PersistentVolumeClaim: name, VolumeSnapshot: name, RequestedTime: at, ScheduledTime: &at, BoundTime: &at})
		s.Orphaned = append(s.Orphaned, v1alpha1.OrphanedVolume{Volume: name + name, NewestSnapshot: name, ScheduledTime: at})
	}
	for _, kind := range []string{"Ready", "RestoresVerified", "NotIntercepted", "QuorumUndecided", "TooSmall", "UnprovenLineage", "PinInForce"} {
		message := strings.Repeat("w", 1000) + strings.Repeat(name+", ", 6)
		s.Conditions = append(s.Conditions, metav1.Condition{Type: kind, Status: "True", Reason: "Reason", Message: message, LastTransitionTime: at})
	}
	return s
}

// The bound of a status is well above what Snapback writes.
func TestStatusesAreBounded(t *testing.T) {
	full := fullStatus()
	cm, err := snapshots.WithStatus(configMapWith(goodSpec), full)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(cm.Annotations[v1alpha1.AnnotationStatus]); n > 48<<10 {
		t.Errorf("a full status has %d bytes", n)
	}
	for _, read := range []*corev1.ConfigMap{cm, snapshots.SlimConfigMap(cm)} {
		kb, err := snapshots.KafkaBackupOfConfigMap(read)
		if err != nil || len(kb.Status.Restores) != 10 || len(kb.Status.Conditions) != len(full.Conditions) {
			t.Errorf("a full status is not read: %v, %v", len(kb.Status.Restores), err)
		}
	}
	text, err := yaml.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	cm.Annotations[v1alpha1.AnnotationStatus] = string(text) + "#" + strings.Repeat("x", 64<<10)
	for _, read := range []*corev1.ConfigMap{cm, snapshots.SlimConfigMap(cm)} {
		if kb, err := snapshots.KafkaBackupOfConfigMap(read); err != nil || len(kb.Status.Conditions) > 0 {
			t.Errorf("a status that nobody of us has written is read: %v", err)
		}
	}
}

// A control annotation that is too long is an error. Its text is the same everywhere,
// and does not quote the value in full.
func TestLongControls(t *testing.T) {
	for _, annotation := range []string{v1alpha1.AnnotationRestore, v1alpha1.AnnotationRestoreBefore, v1alpha1.AnnotationRestoreMaxAge,
		v1alpha1.AnnotationRestoreUnusable, v1alpha1.AnnotationRestoreQuorum, v1alpha1.AnnotationRestoreOtherCluster} {
		for what, value := range map[string]string{"long": strings.Repeat("é", 200_000), "a long time": "2026-02-21T19:05:33." + strings.Repeat("0", 5000) + "Z", "a long duration": strings.Repeat("0", 5000) + "1h"} {
			annotations := map[string]string{annotation: value, "else": strings.Repeat("x", 100_000)}
			backup := func(a map[string]string) snapshots.Backup { return snapshots.Backup{Name: "a", Annotations: a} }
			_, want := sources{PVC: annotations}.policy()
			if want == nil || len(want.Error()) > 300 || !strings.Contains(want.Error(), annotation) {
				t.Fatalf("%s, %s: %.300v", annotation, what, want)
			}
			for where, from := range map[string]sources{
				"namespace": {Namespace: annotations}, "cached namespace": {Namespace: snapshots.Controls(annotations)}, "snapshot": {Newest: annotations},
				"KafkaBackup": {Backups: []snapshots.Backup{backup(annotations)}}, "cached KafkaBackup": {Backups: []snapshots.Backup{backup(annotations).Lean()}},
			} {
				if _, err := from.policy(); err == nil || err.Error() != want.Error() {
					t.Errorf("%s, %s on a %s: %.300v, want %v", annotation, what, where, err, want)
				}
			}
		}
	}
	if kept := snapshots.Controls(map[string]string{"else": "x", v1alpha1.AnnotationHold: "x"}); len(kept) > 0 {
		t.Errorf("kept: %v", kept)
	}
}

func TestLongSnapshots(t *testing.T) {
	at := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	good := func() *snapshotstest.Snapshot {
		return snapshotstest.NewSnapshot(snapshotstest.StatefulSetClaim("kafka", 0), snapshotstest.NewBackup("hourly", "kafka", "csi"), "csi.example.com", at).Ready()
	}
	long := strings.Repeat("x", 100_000)
	for name, test := range map[string]struct {
		snapshot *snapshotstest.Snapshot
		readable bool
	}{
		"of Snapback's own making":      {good(), true},
		"another's annotation":          {good().Annotate("kubectl.kubernetes.io/last-applied-configuration", long), true},
		"a long reason to hold it":      {good().Annotate(v1alpha1.AnnotationHold, long), true},
		"a long control":                {good().Annotate(v1alpha1.AnnotationRestore, long), false},
		"a long pin":                    {good().Annotate(v1alpha1.AnnotationStartEmptyUntil, long), false},
		"a long broker":                 {good().Annotate(v1alpha1.AnnotationBroker, long), false},
		"a long lineage":                {good().Annotate(v1alpha1.AnnotationLineage, long), false},
		"several that are long in sum":  {good().Annotate(v1alpha1.AnnotationBroker, long[:2500]).Annotate(v1alpha1.AnnotationDriver, long[:2500]), false},
		"a long KafkaBackup's name":     {good().Annotate(v1alpha1.AnnotationBackupName, long), false},
		"a driver that goes on and on ": {good().Failing(long), true},
	} {
		t.Run(name, func(t *testing.T) {
			for where, vs := range map[string]*snapshotv1.VolumeSnapshot{"as it is": test.snapshot.Obj(), "out of a cache": snapshots.SlimSnapshot(test.snapshot.Obj())} {
				s, err := snapshots.NewSnapshot(vs)
				if (err == nil) != test.readable {
					t.Errorf("%s: %.300v", where, err)
				}
				if err != nil && len(err.Error()) > mostTold || len(s.Failure) > mostTold {
					t.Errorf("%s: texts of %d and %d bytes", where, len(fmt.Sprint(err)), len(s.Failure))
				}
				if err == nil && (!s.Ready || s.SourcePVC != "data-kafka-0") {
					t.Errorf("%s: %+v", where, s)
				}
			}
			if n := sizeOf(t, snapshots.SlimSnapshot(test.snapshot.Obj())); n > 16<<10 {
				t.Errorf("a cache keeps %d bytes", n)
			}
		})
	}
}

// What Kafka said is long: caches only know that it is there.
func TestSlimSnapshotDropsRecords(t *testing.T) {
	record := strings.Repeat("A", 32<<10)
	vs := snapshotstest.NewSnapshot(snapshotstest.StatefulSetClaim("kafka", 0), snapshotstest.NewBackup("hourly", "kafka", "csi"), "csi.example.com", time.Unix(1_800_000_000, 0)).Annotate(v1alpha1.AnnotationKafkaObserved, record).Annotate(v1alpha1.AnnotationKafkaLastObserved, record).Obj()
	slim := snapshots.SlimSnapshot(vs)
	if n := sizeOf(t, slim); n > 4<<10 {
		t.Errorf("a cache keeps %d bytes", n)
	}
	for _, key := range []string{v1alpha1.AnnotationKafkaObserved, v1alpha1.AnnotationKafkaLastObserved} {
		if slim.Annotations[key] != "true" {
			t.Errorf("%s is %q", key, slim.Annotations[key])
		}
	}
	for where, of := range map[string]*snapshotv1.VolumeSnapshot{"as it is": vs, "out of a cache": slim} {
		if s, err := snapshots.NewSnapshot(of); err != nil || s.Lean().Annotations[v1alpha1.AnnotationKafkaObserved] != "" {
			t.Errorf("%s: the catalog keeps it, %v", where, err)
		}
	}
}

func sizeOf(t *testing.T, o any) int {
	t.Helper()
	text, err := yaml.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return len(text)
}

func TestSlimConfigMap(t *testing.T) {
	cm := configMapWith(strings.Repeat("x", 900<<10))
	cm.Data["else"] = strings.Repeat("x", 50<<10)
	cm.BinaryData = map[string][]byte{"b": make([]byte, 50<<10)}
	cm.Annotations = map[string]string{"else": strings.Repeat("x", 50<<10), v1alpha1.AnnotationFreeze: strings.Repeat("x", 50<<10)}
	cm.UID, cm.ResourceVersion = "u", "7"
	slim := snapshots.SlimConfigMap(cm)
	if n := sizeOf(t, slim); n > 32<<10 {
		t.Errorf("a cache keeps %d bytes", n)
	}
	if _, frozen := slim.Annotations[v1alpha1.AnnotationFreeze]; !frozen || slim.UID != "u" || slim.ResourceVersion != "7" || slim.Labels[v1alpha1.LabelConfigMap] != "true" {
		t.Errorf("not kept: %+v", slim.ObjectMeta)
	}
}
