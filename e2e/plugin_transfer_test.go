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
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// startSite starts a cluster whose driver keeps its data in the folder.
func startSite(t *testing.T, storage string) *site {
	t.Helper()
	s := ownSite(t, cluster.Options{Snapback: true, Storage: storage})
	create(t, s, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kafka"}})
	return s
}

// bound waits for the claim's volume and returns its folder.
func (s *site) bound(t *testing.T, pvc *corev1.PersistentVolumeClaim) (dir string) {
	t.Helper()
	eventually(t, func(ctx context.Context) (err error) {
		dir, err = s.VolumeDir(ctx, pvc.Namespace, pvc.Name)
		return err
	})
	return dir
}

// run runs the plugin there.
func (s *site) run(t *testing.T, args ...string) printed {
	t.Helper()
	return pluginAt(t, s.Kubeconfig(), args...)
}

func (p printed) succeeds(t *testing.T) printed {
	t.Helper()
	if p.code != 0 {
		t.Fatalf("exit code %d\n%s%s", p.code, p.out, p.err)
	}
	return p
}

// travellers are the claims that are lost with a cluster and come back in
// another.
func travellers() map[string]*snapshotstest.Claim {
	return map[string]*snapshotstest.Claim{
		"koperator": snapshotstest.KoperatorClaim("events", 2, "/kafka-logs").Class(cluster.StorageClass),
		"strimzi":   snapshotstest.StrimziClaim("orders", "broker", 3, 0).Class(cluster.StorageClass),
	}
}

// fillSite has each claim's volume backed up, and returns what was on it. The
// Strimzi cluster's id is known, as when its operator runs.
func fillSite(t *testing.T, s *site) map[string]string {
	t.Helper()
	strimziCRD(t, s, "Kafka", "kafkas")
	kafka := strimziObject("Kafka", "kafka", "orders", map[string]any{"status": map[string]any{"clusterId": "the-first"}})
	eventually(t, func(ctx context.Context) error { return s.Create(ctx, kafka.DeepCopy()) })
	class := &snapshotv1.VolumeSnapshotClass{ObjectMeta: metav1.ObjectMeta{Name: "retained"}, Driver: cluster.DriverName, DeletionPolicy: snapshotv1.VolumeSnapshotContentRetain}
	create(t, s, class)
	written := map[string]string{}
	for name, claim := range travellers() {
		pvc := claim.Obj()
		create(t, s, pvc)
		written[name] = fmt.Sprint(writeLogDir(t, s.bound(t, pvc)))
	}
	for _, name := range []string{"events", "orders"} {
		backup := snapshotstest.NewBackup(name, name, class.Name).Schedule("@every 24h").Annotate(v1alpha1.AnnotationRestore, "latest").
			Annotate(v1alpha1.AnnotationRunNow, time.Now().UTC().Format(time.RFC3339)).Obj()
		create(t, s, backup)
	}
	eventually(t, func(ctx context.Context) error {
		if ready := s.ready(ctx); len(ready) != len(written) {
			return fmt.Errorf("%d snapshots are ready", len(ready))
		}
		return nil
	})
	return written
}

// ready are the ready snapshots, by name.
func (s *site) ready(ctx context.Context) map[string]snapshots.Snapshot {
	ready := map[string]snapshots.Snapshot{}
	var list snapshotv1.VolumeSnapshotList
	if err := s.List(ctx, &list, client.InNamespace("kafka")); err != nil {
		return nil
	}
	for n := range list.Items {
		if one, err := snapshots.NewSnapshot(&list.Items[n]); err == nil && one.Ready {
			ready[one.Name] = one
		}
	}
	return ready
}

// TestTransfer loses a whole Kubernetes cluster. The brokers of the next one,
// which has its storage, start with their data.
func TestTransfer(t *testing.T) {
	t.Parallel()
	cluster.NeedsComponents(t)
	storage, file := t.TempDir(), filepath.Join(t.TempDir(), "export.yaml")
	first := startSite(t, storage)
	written := fillSite(t, first)
	before := first.ready(t.Context())
	golden(t, "export-said", first.run(t, "export", "-n", "kafka", "-f", file).succeeds(t).err)
	first.run(t, "export", "nothing", "-n", "kafka").fails(t, `namespace kafka has no ready snapshot of Kafka cluster "nothing", it has those of: events, orders`)
	document, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "export", normalised(string(document), namesOf(before)))
	first.stop(t)

	second := startSite(t, storage)
	second.run(t, "import", "-f", file, "-n", "missing").fails(t, "namespace missing is not there: create it first, or import into another with -n")
	second.run(t, "import", "-f", file, "--class", "missing").fails(t, `there is no VolumeSnapshotClass "missing"`)
	for _, dry := range []string{"client", "server"} {
		second.run(t, "import", "-f", file, "--dry-run="+dry).succeeds(t)
	}
	var contents snapshotv1.VolumeSnapshotContentList
	if err := second.List(t.Context(), &contents); err != nil || len(contents.Items) != 0 {
		t.Fatalf("a dry run has made %d contents (%v)", len(contents.Items), err)
	}
	golden(t, "import", second.run(t, "import", "-f", file).succeeds(t).out, namesOf(before)...)
	second.recreateKafka(t)
	for name, claim := range travellers() {
		pvc := claim.Obj()
		create(t, second, pvc)
		if got := fmt.Sprint(checksums(t, second.bound(t, pvc))); got != written[name] {
			t.Errorf("%s came back with\n%s\nwas\n%s", name, got, written[name])
		}
		if from := before[pvc.Annotations[v1alpha1.AnnotationRestoredFrom]]; from.Name == "" {
			t.Errorf("%s was restored from %q", name, pvc.Annotations[v1alpha1.AnnotationRestoredFrom])
		}
	}
	again := second.run(t, "import", "-f", file).succeeds(t).out
	if strings.Contains(again, " imported\n") || !strings.Contains(again, "0 imported, 2 there already.") {
		t.Errorf("imported again:\n%s", again)
	}
	second.keeps(t, before, file)
}

// recreateKafka creates Strimzi's Kafka anew, with an id of its own, and then
// sets the one that its disks have, as the import says.
func (s *site) recreateKafka(t *testing.T) {
	t.Helper()
	strimziCRD(t, s, "Kafka", "kafkas")
	kafka := strimziObject("Kafka", "kafka", "orders", map[string]any{"status": map[string]any{"clusterId": "the-second"}})
	eventually(t, func(ctx context.Context) error { return s.Create(ctx, kafka.DeepCopy()) })
	ask := func(ctx context.Context) error { return s.Create(ctx, travellers()["strimzi"].Obj(), client.DryRunAll) }
	eventually(t, func(ctx context.Context) error {
		if err := ask(ctx); !contains(err, "it is of an earlier cluster named orders") {
			return fmt.Errorf("refused for its id expected, got %w", err)
		}
		return nil
	})
	change := client.RawPatch("application/merge-patch+json", []byte(`{"status":{"clusterId":"the-first"}}`))
	if err := s.Patch(t.Context(), kafka.DeepCopy(), change); err != nil {
		t.Fatal(err)
	}
	eventually(t, ask)
}

// keeps compares the imports with what they are of, and deletes one and
// imports it again: the stored data is still there.
func (s *site) keeps(t *testing.T, before map[string]snapshots.Snapshot, file string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		after := s.ready(ctx)
		for name, was := range before {
			if is := after[name]; !is.Cut.Equal(was.Cut) || !is.Scheduled.Equal(was.Scheduled) || is.Volume != was.Volume || is.Lineage != was.Lineage || !is.Held {
				return fmt.Errorf("%+v\nwas\n%+v", is, was)
			}
		}
		return nil
	})
	for name := range before {
		vs := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: "kafka", Name: name}}
		if err := s.Delete(t.Context(), vs); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func(ctx context.Context) error {
		var list snapshotv1.VolumeSnapshotList
		if err := s.List(ctx, &list, client.InNamespace("kafka")); err != nil || len(list.Items) > 0 {
			return fmt.Errorf("%d snapshots are left (error: %w)", len(list.Items), err)
		}
		return nil
	})
	if out := s.run(t, "import", "-f", file).succeeds(t).out; !strings.Contains(out, "2 imported, 0 there already.") {
		t.Errorf("after they were deleted:\n%s", out)
	}
	eventually(t, func(ctx context.Context) error {
		if after := s.ready(ctx); len(after) != len(before) {
			return fmt.Errorf("%d are ready", len(after))
		}
		return nil
	})
}

// ids are the UIDs and handles in an export.
var ids = regexp.MustCompile(`(pvc-|snapshot-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

func normalised(document string, pairs []string) string {
	document = strings.NewReplacer(pairs...).Replace(document)
	return run.ReplaceAllString(ids.ReplaceAllString(document, "${1}UID"), "RUN")
}

// run is a label of a snapshot.
var run = regexp.MustCompile(`\b\d{8}-\d{6}\b`)

// namesOf are the names that the snapshots have in golden files.
func namesOf(all map[string]snapshots.Snapshot) (pairs []string) {
	for name, s := range all {
		pairs = append(pairs, name, "SNAPSHOT-OF-"+s.Annotations[v1alpha1.AnnotationClusterName], s.SourcePVC, "CLAIM-OF-"+s.Annotations[v1alpha1.AnnotationClusterName])
	}
	return pairs
}
