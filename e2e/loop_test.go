package e2e

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// optedIn is where a test puts the opt-in.
type optedIn struct{ claim, backup, namespace bool }

// TestLoop loses and recreates a volume of each dialect: create, snapshot,
// delete, create again, compare the data.
func TestLoop(t *testing.T) {
	optIn := map[string]string{v1alpha1.AnnotationRestore: "latest"}
	tests := map[string]struct {
		claim    func() *snapshotstest.Claim
		cluster  string
		optedIn  optedIn
		restored bool
	}{
		"Koperator, KafkaBackup opted in": {
			claim:   func() *snapshotstest.Claim { return snapshotstest.KoperatorClaim("events", 2, "/kafka-logs") },
			cluster: "events", optedIn: optedIn{backup: true}, restored: true,
		},
		"Strimzi, claim opted in": {
			claim:   func() *snapshotstest.Claim { return snapshotstest.StrimziClaim("events", "broker", 3, 0) },
			cluster: "events", optedIn: optedIn{claim: true}, restored: true,
		},
		"StatefulSet, namespace opted in": {
			claim:   func() *snapshotstest.Claim { return snapshotstest.StatefulSetClaim("kafka", 0) },
			cluster: "kafka", optedIn: optedIn{namespace: true}, restored: true,
		},
		"Confluent, KafkaBackup opted in": {
			claim: func() *snapshotstest.Claim {
				return snapshotstest.PlainClaim("data0-kafka-1").Label("confluent-platform", "true").Label("clusterId", "prod").Label("type", "kafka")
			},
			cluster: "prod", optedIn: optedIn{backup: true}, restored: true,
		},
		"cp-helm-charts, namespace opted in": {
			claim: func() *snapshotstest.Claim {
				return snapshotstest.PlainClaim("datadir-0-prod-cp-kafka-1").Label("app", "cp-kafka").Label("release", "prod")
			},
			cluster: "prod", optedIn: optedIn{namespace: true}, restored: true,
		},
		"explicit labels, claim opted in": {
			claim: func() *snapshotstest.Claim {
				return snapshotstest.PlainClaim("disk-of-broker-0").Label(v1alpha1.LabelCluster, "prod").Label(v1alpha1.LabelBroker, "0")
			},
			cluster: "prod", optedIn: optedIn{claim: true}, restored: true,
		},
		"Helm chart, KafkaBackup opted in": {
			claim: func() *snapshotstest.Claim {
				return snapshotstest.PlainClaim("data-prod-kafka-broker-2").Label("app.kubernetes.io/name", "kafka").
					Label("app.kubernetes.io/instance", "prod").Label("app.kubernetes.io/component", "broker")
			},
			cluster: "prod", optedIn: optedIn{backup: true}, restored: true,
		},
		"nobody opted in": {
			claim:   func() *snapshotstest.Claim { return snapshotstest.KoperatorClaim("events", 2, "/kafka-logs") },
			cluster: "events",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := apiClient(t)
			var onNamespace map[string]string
			if test.optedIn.namespace {
				onNamespace = optIn
			}
			ns := newNamespace(t, c, onNamespace)
			claim := func() *corev1.PersistentVolumeClaim {
				b := test.claim().In(ns).Class(cluster.StorageClass)
				if test.optedIn.claim {
					b.Annotate(v1alpha1.AnnotationRestore, "latest")
				}
				return b.Obj()
			}
			backup := snapshotstest.NewBackup("often", test.cluster, cluster.SnapshotClass).In(ns).Schedule("@every 2s")
			if test.optedIn.backup {
				backup.Annotate(v1alpha1.AnnotationRestore, "latest")
			}

			lost := claim()
			create(t, c, lost)
			dir := boundDir(t, lost)
			written := writeLogDir(t, dir)
			create(t, c, backup.Obj())
			newest := waitForSnapshot(t, c, ns)
			deleteClaim(t, c, lost)
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Fatalf("the lost volume's folder is still there: %v", err)
			}

			again := claim()
			create(t, c, again)
			got := checksums(t, boundDir(t, again))
			if !test.restored {
				if len(got) != 0 || again.Spec.DataSource != nil {
					t.Fatalf("a volume that nobody opted in has come back with %d files", len(got))
				}
				return
			}
			if fmt.Sprint(got) != fmt.Sprint(written) {
				t.Errorf("log dir after the restore:\n%v\nbefore:\n%v", got, written)
			}
			if from := again.Annotations[v1alpha1.AnnotationRestoredFrom]; from < newest {
				t.Errorf("restored from %q, at least as new as %q expected", from, newest)
			}
		})
	}
}

// boundDir waits for the claim's volume and returns its folder.
func boundDir(t *testing.T, pvc *corev1.PersistentVolumeClaim) (dir string) {
	t.Helper()
	eventually(t, func(ctx context.Context) (err error) {
		dir, err = shared.Get(t).VolumeDir(ctx, pvc.Namespace, pvc.Name)
		return err
	})
	return dir
}

// waitForSnapshot waits until the namespace has a ready snapshot, and returns
// the newest one's name.
func waitForSnapshot(t *testing.T, c client.Client, namespace string) (newest string) {
	t.Helper()
	return waitForSnapshotOf(t, c, namespace, "")
}

// waitForSnapshotOf does so for the snapshots of one claim.
func waitForSnapshotOf(t *testing.T, c client.Client, namespace, pvc string) (newest string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		var list snapshotv1.VolumeSnapshotList
		if err := c.List(ctx, &list, client.InNamespace(namespace)); err != nil {
			return err
		}
		for _, vs := range list.Items {
			if pvc != "" && *vs.Spec.Source.PersistentVolumeClaimName != pvc {
				continue
			}
			if vs.Status != nil && vs.Status.ReadyToUse != nil && *vs.Status.ReadyToUse {
				newest = max(newest, vs.Name)
			}
		}
		if newest == "" {
			return fmt.Errorf("none of %d snapshots in %s is ready", len(list.Items), namespace)
		}
		return nil
	})
	return newest
}

// deleteClaim deletes a claim and waits until it and its volume are gone.
func deleteClaim(t *testing.T, c client.Client, pvc *corev1.PersistentVolumeClaim) {
	t.Helper()
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(pvc), pvc); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), pvc); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		var pv corev1.PersistentVolume
		err := c.Get(ctx, client.ObjectKey{Name: pvc.Spec.VolumeName}, &pv)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("volume %s is still there (error: %w)", pvc.Spec.VolumeName, err)
	})
}

// writeLogDir fills a volume with a log dir's worth of random files, and
// returns their checksums.
func writeLogDir(t *testing.T, dir string) map[string]string {
	t.Helper()
	for i := range 3 {
		partition := filepath.Join(dir, "kafka", fmt.Sprintf("topic-%d", i))
		if err := os.MkdirAll(partition, 0o755); err != nil {
			t.Fatal(err)
		}
		content := make([]byte, 100_000)
		_, _ = rand.Read(content) // never fails
		if err := os.WriteFile(filepath.Join(partition, "00000000000000000000.log"), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return checksums(t, dir)
}

// checksums returns the SHA-256 of every file below a folder, by path.
func checksums(t *testing.T, dir string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		sums[name] = fmt.Sprintf("%x", sha256.Sum256(content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}
