package e2e

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// storage makes the StorageClass of the world's claims anew, with these faults.
func (w *kafkaWorld) storage(t *testing.T, faults map[string]string) {
	t.Helper()
	w.class = "of-" + w.namespace
	class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: w.class}, Provisioner: cluster.DriverName, Parameters: faults}
	if err := w.Delete(t.Context(), class.DeepCopy()); client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	create(t, w, class)
	t.Cleanup(func() { _ = w.Delete(context.WithoutCancel(t.Context()), class) }) // others' tests list them
}

var broken = map[string]string{"failCreates": "true"}

// disk is a volume that a restore replaces, with what is on it.
type disk struct {
	pv, dir string
	claim   *corev1.PersistentVolumeClaim
	holds   map[string]string
}

func (w *kafkaWorld) disk(t *testing.T, like *snapshotstest.Claim) disk {
	t.Helper()
	claim := w.claim(t, like)
	dir := boundDir(t, claim)
	return disk{claim.Spec.VolumeName, dir, claim, checksums(t, dir)}
}

// isWhole checks that the disk has every byte that it had.
func (w *kafkaWorld) isWhole(t *testing.T, d disk, policy corev1.PersistentVolumeReclaimPolicy) {
	t.Helper()
	var pv corev1.PersistentVolume
	if err := w.Get(t.Context(), client.ObjectKey{Name: d.pv}, &pv); err != nil || pv.Spec.PersistentVolumeReclaimPolicy != policy {
		t.Errorf("PersistentVolume %s is %s, want %s (error: %v)", d.pv, pv.Spec.PersistentVolumeReclaimPolicy, policy, err)
	}
	if got := checksums(t, d.dir); !maps.Equal(got, d.holds) {
		t.Errorf("PersistentVolume %s has:\n%v\nwant:\n%v", d.pv, got, d.holds)
	}
}

// untouched checks that a restore has begun nothing.
func (w *kafkaWorld) untouched(t *testing.T, disks []disk) {
	t.Helper()
	for _, d := range disks {
		var now corev1.PersistentVolumeClaim
		if err := w.Get(t.Context(), client.ObjectKeyFromObject(d.claim), &now); err != nil || now.UID != d.claim.UID || now.DeletionTimestamp != nil {
			t.Errorf("claim %s is another one, or goes (error: %v)", d.claim.Name, err)
		}
		w.isWhole(t, d, corev1.PersistentVolumeReclaimDelete)
	}
	w.noTrial(t)
	w.unpinned(t)
}

// noTrial waits until no claim of a trial is left.
func (w *kafkaWorld) noTrial(t *testing.T) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		var list corev1.PersistentVolumeClaimList
		if err := w.List(ctx, &list, client.InNamespace(w.namespace), client.MatchingLabels{"app.kubernetes.io/managed-by": "snapback"}); err != nil || len(list.Items) > 0 {
			return fmt.Errorf("%d claims of trials are left (error: %w)", len(list.Items), err)
		}
		return nil
	})
}

// removeKept runs the commands by which the kept volumes are removed, and waits
// until their storage has gone with them.
func (w *kafkaWorld) removeKept(t *testing.T, p printed, disks []disk) {
	t.Helper()
	var names []string
	for _, d := range disks {
		if !strings.Contains(p.out, d.pv) {
			t.Errorf("PersistentVolume %s is not named:\n%s", d.pv, p.out)
		}
		names = append(names, d.pv)
	}
	if strings.Count(p.out, "\n  kubectl patch pv ") != 1 || !strings.Contains(p.out, ` -p '{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}'`+"\n  kubectl wait --for=delete pv ") {
		t.Errorf("how they are removed is not said:\n%s", p.out)
	}
	for _, name := range names {
		pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if err := w.Patch(t.Context(), pv, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}`))); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func(ctx context.Context) error {
		for _, d := range disks {
			if err := w.Get(ctx, client.ObjectKey{Name: d.pv}, &corev1.PersistentVolume{}); !apierrors.IsNotFound(err) {
				return fmt.Errorf("PersistentVolume %s is still there (error: %w)", d.pv, err)
			}
			if _, err := os.Stat(filepath.Clean(d.dir)); !os.IsNotExist(err) {
				return fmt.Errorf("the storage of PersistentVolume %s is still there (error: %w)", d.pv, err)
			}
		}
		return nil
	})
}

// TestPluginRestoreBrokenStorage has a broker that runs, and a snapshot that no
// volume can be made from: it keeps what it has. The same command restores it
// when the storage is mended, and its old volume stays until somebody removes it.
func TestPluginRestoreBrokenStorage(t *testing.T) {
	t.Parallel()
	w, claims := koperatorWorld(t, 1, true)
	w.storage(t, nil)
	w.play(t)
	written := w.fill(t, claims)
	w.run(t, 1)
	w.fill(t, claims)
	disks := []disk{w.disk(t, claims[0])}

	w.storage(t, broken)
	p := w.restore(t, "kafka", "--broker", "0", "-y", "--timeout", "20s")
	if p.code != 1 || !strings.Contains(p.err, "error: no volume can be made from VolumeSnapshot ") || !strings.Contains(p.err, "fault failCreates: ") ||
		!strings.HasSuffix(p.err, "; the pins were taken off again, nothing else was changed\n") {
		t.Errorf("exit code %d\n%s%s", p.code, p.out, p.err)
	}
	w.untouched(t, disks)

	plugin := w.startRestore(t, "kafka", "--broker", "0", "-y")
	eventually(t, func(context.Context) error {
		if said := plugin.err.String(); !strings.Contains(said, "the storage is tried") {
			return fmt.Errorf("the storage is not tried: %s", said)
		}
		return nil
	})
	if err := plugin.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := plugin.Wait(); err == nil || !strings.Contains(plugin.err.String(), "interrupted: ") {
		t.Errorf("interrupted, it ended with %v:\n%s", err, plugin.err)
	}
	w.untouched(t, disks)

	w.storage(t, nil)
	p = w.restore(t, "kafka", "--broker", "0", "-y")
	p.carriedOut(t)
	w.holds(t, claims[0], written[0])
	w.isWhole(t, disks[0], corev1.PersistentVolumeReclaimRetain)
	w.noTrial(t)
	w.unpinned(t)
	w.lookInto(t, disks[0])
	w.removeKept(t, p, disks)
}

// lookInto binds a kept volume to a claim, for as long as somebody looks.
func (w *kafkaWorld) lookInto(t *testing.T, d disk) {
	t.Helper()
	pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: d.pv}}
	if err := w.Patch(t.Context(), pv, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"claimRef":{"name":"look","uid":null,"resourceVersion":null}}}`))); err != nil {
		t.Fatal(err)
	}
	look := snapshotstest.PlainClaim("look").In(w.namespace).Class(w.class)
	claim := look.Obj()
	claim.Spec.VolumeName = d.pv
	create(t, w, claim)
	if dir := boundDir(t, w.claim(t, look)); dir != d.dir {
		t.Errorf("claim look is bound to %s, not to %s", dir, d.dir)
	}
	w.isWhole(t, d, corev1.PersistentVolumeReclaimRetain)
	if err := w.Delete(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
	w.phase(t, pv, corev1.VolumeReleased)
}

// TestPluginRestoreAllBrokenStorage has a whole cluster whose snapshots no
// volume can be made from: it runs on. If that comes out when all is deleted,
// the old volumes have every byte, and are named by the attempt that succeeds.
func TestPluginRestoreAllBrokenStorage(t *testing.T) {
	t.Parallel()
	w := newKafkaWorld(t, "kafka", true)
	w.storage(t, nil)
	set, claims := w.addStatefulSet(t, 2)
	w.play(t)
	written := w.fill(t, claims)
	run := w.run(t, 2)
	w.fill(t, claims)
	disks := []disk{w.disk(t, claims[0]), w.disk(t, claims[1])}
	restore := []string{"kafka", "--all", "--from-run", run, "-y"}

	w.storage(t, broken)
	p := w.restore(t, append(restore, "--timeout", "20s")...)
	if p.code != 1 || !strings.Contains(p.err, "error: no volume can be made from VolumeSnapshot ") || !strings.HasSuffix(p.err, "; the pins were taken off again, nothing else was changed\n") {
		t.Errorf("exit code %d\n%s%s", p.code, p.out, p.err)
	}
	w.untouched(t, disks)
	if err := w.Get(t.Context(), client.ObjectKeyFromObject(set), set); err != nil || set.Generation != 1 {
		t.Errorf("the StatefulSet was stopped: generation %d (error: %v)", set.Generation, err)
	}

	p = w.restore(t, append(restore, "--timeout", "10s", "--skip-trial")...)
	if p.code != 1 || !strings.Contains(p.err, "the restore is not finished") {
		t.Errorf("without a trial: exit code %d\n%s%s", p.code, p.out, p.err)
	}
	for _, d := range disks {
		w.isWhole(t, d, corev1.PersistentVolumeReclaimRetain)
	}

	w.storage(t, nil)
	p = w.restore(t, restore...)
	p.carriedOut(t)
	for n, claim := range claims {
		w.holds(t, claim, written[n])
		w.isWhole(t, disks[n], corev1.PersistentVolumeReclaimRetain)
	}
	w.unpinned(t)
	w.removeKept(t, p, disks)
}

// TestPluginRestoreDiscard has an old volume that goes with its claim, by
// request.
func TestPluginRestoreDiscard(t *testing.T) {
	t.Parallel()
	w, claims := koperatorWorld(t, 1, true)
	w.play(t)
	written := w.fill(t, claims)
	w.run(t, 1)
	old := w.disk(t, claims[0])
	p := w.restore(t, "kafka", "--broker", "0", "-y", "--discard-old-volumes")
	p.carriedOut(t)
	if !strings.Contains(p.out, "\n - these PersistentVolumes are deleted with their claims, and their data with them: "+old.pv+"\n") || strings.Contains(p.out, "Kept, ") {
		t.Errorf("what becomes of the old volume:\n%s", p.out)
	}
	w.holds(t, claims[0], written[0])
	eventually(t, func(ctx context.Context) error {
		if err := w.Get(ctx, client.ObjectKey{Name: old.pv}, &corev1.PersistentVolume{}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("PersistentVolume %s is still there (error: %w)", old.pv, err)
		}
		return nil
	})
}

// TestPluginRestoreLeftTrial has a claim that a killed restore's trial has left.
func TestPluginRestoreLeftTrial(t *testing.T) {
	t.Parallel()
	w, claims := koperatorWorld(t, 1, true)
	w.play(t)
	w.fill(t, claims)
	w.run(t, 1)
	left := snapshotstest.PlainClaim("snapback-probe-left").Label("app.kubernetes.io/managed-by", "snapback").Label("snapback.dev/restore-trial", "kafka").In(w.namespace).Class(cluster.StorageClass)
	create(t, w, left.Obj())
	old := w.disk(t, left)
	w.restore(t, "kafka", "--broker", "0", "-y").carriedOut(t)
	w.noTrial(t)
	eventually(t, func(ctx context.Context) error {
		if err := w.Get(ctx, client.ObjectKey{Name: old.pv}, &corev1.PersistentVolume{}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("PersistentVolume %s is still there (error: %w)", old.pv, err)
		}
		return nil
	})
}
