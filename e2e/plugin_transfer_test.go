package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/transfer"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// identities are those that are made up anew in every run: UIDs, handles and
// hashes.
var identities = regexp.MustCompile(`(pvc-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{32}\b`)

// site is a Kubernetes cluster, the storage of which outlives it.
type site struct {
	*cluster.Cluster
	client.Client
}

func newSite(t *testing.T, storage string) site {
	t.Helper()
	k, err := cluster.Start(t.Context(), cluster.Options{Snapback: true, Storage: storage})
	if err != nil {
		t.Fatal(err)
	}
	c, err := cluster.NewClient(k.Config)
	if err != nil {
		t.Fatal(err)
	}
	return site{k, c}
}

func (s site) stop(t *testing.T) {
	t.Helper()
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

// claim creates a claim and returns the folder that is its volume.
func (s site) claim(t *testing.T, like *snapshotstest.Claim, namespace string) (*corev1.PersistentVolumeClaim, string) {
	t.Helper()
	pvc := like.In(namespace).Class(cluster.StorageClass).Obj()
	create(t, s, pvc)
	dir := ""
	eventually(t, func(ctx context.Context) (err error) {
		dir, err = s.VolumeDir(ctx, namespace, pvc.Name)
		return err
	})
	return pvc, dir
}

func transferred() map[string]*snapshotstest.Claim {
	return map[string]*snapshotstest.Claim{
		"kafka":      snapshotstest.KoperatorClaim("kafka", 2, "/kafka-logs"),
		"my-cluster": snapshotstest.StrimziClaim("my-cluster", "broker", 0, 0),
	}
}

// TestPluginTransfer loses a Kubernetes cluster, and lets brokers start with
// their data in another one that reaches the same storage.
func TestPluginTransfer(t *testing.T) {
	t.Parallel()
	storage, file := t.TempDir(), filepath.Join(t.TempDir(), "export.yaml")
	written := exported(t, storage, file)

	here := newSite(t, storage)
	defer here.stop(t)
	kubectlSnapbackOn(t, here.Cluster, "kafka", "import", "-f", file).fails(t, "namespace kafka is not there: create it first, or import into another with -n")
	for _, name := range []string{"kafka", "elsewhere"} {
		create(t, here, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	names := namesIn(t, file)
	golden(t, "import", importInto(t, here, "kafka", file), names...)
	golden(t, "import-again", importInto(t, here, "kafka", file), names...)
	importInto(t, here, "elsewhere", file)
	before := cutTimes(t, file)
	for _, namespace := range []string{"kafka", "elsewhere"} {
		checkImported(t, here, namespace, before)
		for name, like := range transferred() {
			pvc, dir := here.claim(t, like, namespace)
			if got := checksums(t, dir); fmt.Sprint(got) != fmt.Sprint(written[name]) {
				t.Errorf("cluster %s in namespace %s: its broker has %d files, restored from %q, had %d", name, namespace, len(got), pvc.Annotations[snapshots.AnnotationRestoredFrom], len(written[name]))
			}
		}
	}
}

// exported makes two brokers in a Kubernetes cluster, backs them up, exports
// the snapshots, and loses the cluster. It returns what the brokers had.
func exported(t *testing.T, storage, file string) map[string]map[string]string {
	t.Helper()
	there := newSite(t, storage)
	defer there.stop(t)
	strimziCRD(t, there, "Kafka", "kafkas")
	create(t, there, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kafka"}})
	kafka := strimziObject("Kafka", "kafka", "my-cluster", map[string]any{"status": map[string]any{"clusterId": "cluster-id-of-there"}})
	eventually(t, func(ctx context.Context) error { return there.Create(ctx, kafka.DeepCopy()) })
	written := map[string]map[string]string{}
	for name, like := range transferred() {
		_, dir := there.claim(t, like, "kafka")
		written[name] = writeLogDir(t, dir)
		create(t, there, snapshotstest.NewBackup(name, name, cluster.SnapshotClass).In("kafka").Schedule(never).
			Annotate(snapshots.AnnotationRestore, "latest").Obj())
		if p := kubectlSnapbackOn(t, there.Cluster, "kafka", "run", name); p.code != 0 {
			t.Fatal(p.err)
		}
	}
	p := kubectlSnapbackOn(t, there.Cluster, "kafka", "export", "-f", file)
	if p.code != 0 || !strings.HasPrefix(p.err, "2 snapshots exported.\nwarning: some have deletionPolicy Delete: ") {
		t.Fatalf("export: %+v", p)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "export", identities.ReplaceAllString(string(content), "ID"), namesIn(t, file)...)
	kubectlSnapbackOn(t, there.Cluster, "kafka", "export", "other").fails(t, `namespace kafka has no ready snapshot of Kafka cluster "other", it has those of: kafka, my-cluster`)
	exportOnSchedule(t, there)
	return written
}

// exportOnSchedule does what the CronJob of the help does, with its rights.
func exportOnSchedule(t *testing.T, there site) {
	t.Helper()
	var job batchv1.CronJob
	for object := range strings.SplitSeq(transfer.CronJob, "---\n") {
		var o unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(object), &o.Object); err != nil {
			t.Fatal(err)
		}
		create(t, there, &o)
		if o.GetKind() == "CronJob" {
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &job); err != nil {
				t.Fatal(err)
			}
		}
	}
	pod := job.Spec.JobTemplate.Spec.Template.Spec
	args := append(pod.Containers[0].Command[1:], "--as", "system:serviceaccount:kafka:"+pod.ServiceAccountName)
	for _, want := range []string{"written", "unchanged"} {
		if p := kubectlSnapbackOn(t, there.Cluster, "kafka", args...); p.code != 0 || p.out != "configmap kafka/snapback-export "+want+"\n" {
			t.Errorf("the CronJob's export: %+v, want %s", p, want)
		}
	}
	var held corev1.ConfigMap
	if err := there.Get(t.Context(), client.ObjectKey{Namespace: "kafka", Name: "snapback-export"}, &held); err != nil {
		t.Fatal(err)
	}
	if d, err := transfer.Decode([]byte(held.Data[transfer.DataKey])); err != nil || len(d.Snapshots) != 2 {
		t.Errorf("the ConfigMap holds %d snapshots: %v", len(d.Snapshots), err)
	}
}

func importInto(t *testing.T, here site, namespace, file string) string {
	t.Helper()
	p := kubectlSnapbackOn(t, here.Cluster, namespace, "import", "-f", file)
	if p.code != 0 {
		t.Fatalf("import: %+v", p)
	}
	return p.out
}

// checkImported checks that the snapshots are of the times that they had, and
// that what is stored does not go with them.
func checkImported(t *testing.T, here site, namespace string, cut map[string]time.Time) {
	t.Helper()
	for name, at := range cut {
		var vs snapshotv1.VolumeSnapshot
		if err := here.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, &vs); err != nil {
			t.Fatal(err)
		}
		s, err := snapshots.NewSnapshot(&vs)
		if err != nil || !s.Ready || !s.Cut.Equal(at) {
			t.Errorf("snapshot %s: ready %t, cut at %s, was at %s (error: %v)", name, s.Ready, s.Cut, at, err)
		}
		var content snapshotv1.VolumeSnapshotContent
		if err := here.Get(t.Context(), client.ObjectKey{Name: *vs.Spec.Source.VolumeSnapshotContentName}, &content); err != nil {
			t.Fatal(err)
		}
		if content.Spec.DeletionPolicy != snapshotv1.VolumeSnapshotContentRetain {
			t.Errorf("content of %s has deletionPolicy %s", name, content.Spec.DeletionPolicy)
		}
	}
}

func document(t *testing.T, file string) transfer.Document {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d, err := transfer.Decode(content)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func cutTimes(t *testing.T, file string) map[string]time.Time {
	t.Helper()
	times := map[string]time.Time{}
	for _, s := range document(t, file).Snapshots {
		times[s.Name] = s.Content.CreationTime
	}
	return times
}

// namesIn are the names of the snapshots of an export, for a golden file.
func namesIn(t *testing.T, file string) (pairs []string) {
	t.Helper()
	for _, s := range document(t, file).Snapshots {
		of := s.Annotations[snapshots.AnnotationClusterName]
		pairs = append(pairs, s.Name, "SNAPSHOT-OF-"+of, s.Annotations[snapshots.AnnotationSourcePVC], "PVC-OF-"+of)
	}
	return pairs
}
