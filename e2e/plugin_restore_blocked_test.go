package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestPluginRestoreNotAsked has claims that no entry of the webhook
// configuration matches: nothing is deleted, and no pin is left.
func TestPluginRestoreNotAsked(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	w := &kafkaWorld{Client: c, namespace: newNamespace(t, c, nil)}
	w.backup = snapshotstest.NewBackup("hourly", "events", cluster.SnapshotClass).In(w.namespace).Schedule("@every 1h").Annotate(v1alpha1.AnnotationRestore, "latest").Obj()
	w.backup.Spec.VolumeSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "gold"}}
	create(t, w, w.backup)
	claim := snapshotstest.PlainClaim("disk").Label("tier", "gold").In(w.namespace).Class(cluster.StorageClass)
	create(t, w, claim.Obj())
	before := w.claim(t, claim)
	w.run(t, 1)
	w.restore(t, "events", "--broker", "disk", "--dry-run")
	p := w.restore(t, "events", "--broker", "disk", "-y")
	if p.code != 1 || !strings.Contains(p.err, "Snapback was not asked about it") || !strings.HasSuffix(p.err, "the pins were taken off again, nothing else was changed\n") {
		t.Errorf("exit code %d\n%s%s", p.code, p.out, p.err)
	}
	if w.claim(t, claim).UID != before.UID {
		t.Error("the claim was deleted")
	}
	w.unpinned(t)
}

// TestPluginRestoreRights has somebody who may not scale the StatefulSet: what
// is to be run by hand is said before anything is changed.
func TestPluginRestoreRights(t *testing.T) {
	t.Parallel()
	w, _, claims := statefulSetWorld(t, 2)
	w.fill(t, claims)
	run := w.run(t, 2)
	allowed(t, w, "sre-"+w.namespace)
	p := w.restore(t, "kafka", "--all", "--from-run", run, "-y", "--as", "sre-"+w.namespace)
	if p.code != 1 {
		t.Errorf("exit code %d", p.code)
	}
	golden(t, "restore-by-hand", p.out+p.err, w.claim(t, claims[0]).Spec.VolumeName, "VOLUME-0", w.claim(t, claims[1]).Spec.VolumeName, "VOLUME-1", run, "RUN", w.namespace, "NAMESPACE")
	w.unpinned(t)
	p = w.restore(t, "kafka", "--broker", "1", "-y", "--as", "sre-"+w.namespace)
	if p.code != 1 || !strings.Contains(p.out, "\n - you may not read PersistentVolumes, so the old volumes cannot be kept until the new ones are proven: ") {
		t.Errorf("the old volume cannot be kept: exit code %d\n%s%s", p.code, p.out, p.err)
	}
	w.restore(t, "kafka", "--broker", "1", "-y", "--discard-old-volumes", "--as", "sre-"+w.namespace).carriedOut(t)
}

// allowed lets a user restore a broker, and nothing else.
func allowed(t *testing.T, w *kafkaWorld, user string) {
	t.Helper()
	rule := func(group string, resources []string, verbs ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: verbs}
	}
	create(t, w, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "sre"}, Rules: []rbacv1.PolicyRule{
		rule("", []string{"configmaps"}, "list"),
		rule("", []string{"persistentvolumeclaims", "pods"}, "get", "list", "delete"),
		rule("snapshot.storage.k8s.io", []string{"volumesnapshots"}, "get", "list", "patch"),
		rule("snapback.dev", []string{"kafkabackups"}, "list"),
		rule("apps", []string{"statefulsets"}, "get", "list"),
	}})
	create(t, w, &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "sre"},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "sre"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: user}}})
}

// TestPluginRestoreReleased has a PersistentVolume that the lost claim has left
// behind: it has the tail.
func TestPluginRestoreReleased(t *testing.T) {
	t.Parallel()
	w, claims := koperatorWorld(t, 1, true)
	create(t, w, claims[0].In(w.namespace).Class(cluster.StorageClass).Obj())
	written := w.fill(t, claims)
	run := w.run(t, 1)
	lost := w.claim(t, claims[0])
	pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: lost.Spec.VolumeName}}
	if err := w.Patch(t.Context(), pv, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}`))); err != nil {
		t.Fatal(err)
	}
	if err := w.Delete(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	w.phase(t, pv, corev1.VolumeReleased)
	p := w.restore(t, "kafka", "--broker", "0", "--dry-run")
	golden(t, "restore-plan-released", p.out+p.err, w.snapshots(t.Context(), "")[0].Name, "SNAPSHOT", lost.Name, "CLAIM", run, "RUN", pv.Name, "VOLUME", w.namespace, "NAMESPACE")
	r := w.startRestore(t, "kafka", "--broker", "0", "-y")
	eventually(t, func(context.Context) error {
		if said := r.err.String(); !strings.Contains(said, "waiting: no new claim") {
			return fmt.Errorf("it does not wait for the operator:\n%s", said)
		}
		return nil
	})
	w.play(t)
	if err := r.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, r.err)
	}
	w.holds(t, claims[0], written[0])
	w.phase(t, pv, corev1.VolumeReleased)
}

func (w *kafkaWorld) phase(t *testing.T, pv *corev1.PersistentVolume, want corev1.PersistentVolumePhase) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if err := w.Get(ctx, client.ObjectKeyFromObject(pv), pv); err != nil || pv.Status.Phase != want {
			return fmt.Errorf("PersistentVolume %s is %s, not %s (error: %w)", pv.Name, pv.Status.Phase, want, err)
		}
		return nil
	})
}
