package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// remembering is a cluster whose webhook and schedulers the test kills.
type remembering struct {
	*cluster.Stage
	client.Client
	t *testing.T
}

const ofHistory = "kafka" // the namespace and the Kafka cluster

func newRemembering(t *testing.T) *remembering {
	t.Helper()
	cluster.NeedsComponents(t)
	stage, err := cluster.NewStage(t.Context(), cluster.Options{}, func(name, why string) { t.Errorf("%s has ended: %s", name, why) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stage.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := cluster.NewClient(stage.Config())
	if err != nil {
		t.Fatal(err)
	}
	r := &remembering{stage, c, t}
	host, port, _ := strings.Cut(stage.WebhookAddress(), ":")
	r.start("webhook", "webhook", "--host="+host, "--port="+port, "--cert-dir="+stage.WebhookCerts(), "--drain=1s")
	r.start("first", "scheduler", "--namespace="+cluster.Namespace)
	eventually(t, func(ctx context.Context) error {
		var lease coordinationv1.Lease
		if err := c.Get(ctx, client.ObjectKey{Namespace: cluster.Namespace, Name: v1alpha1.LeaseName}, &lease); err != nil {
			return err
		}
		if ptr.Deref(lease.Spec.HolderIdentity, "") == "" {
			return fmt.Errorf("nobody leads yet")
		}
		return nil
	})
	r.start("second", "scheduler", "--namespace="+cluster.Namespace)
	create(t, c, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ofHistory}})
	return r
}

func (r *remembering) start(name string, args ...string) {
	r.t.Helper()
	binary, err := cluster.Build(r.t.Context(), ".", "./cmd/snapback", "snapback")
	if err != nil {
		r.t.Fatal(err)
	}
	args = append(args, "--kubeconfig="+filepath.Join(r.Dir(), "snapback.kubeconfig"), "--health-probe-bind-address=0", "--metrics-bind-address=0")
	if err := r.Start(name, binary, args...); err != nil {
		r.t.Fatal(err)
	}
}

// kill ends a program at once.
func (r *remembering) kill(name string) {
	r.t.Helper()
	if err := r.Kill(name); err != nil {
		r.t.Fatal(err)
	}
}

// claim returns a claim of a broker.
func (r *remembering) claim(ordinal int, change ...func(*corev1.PersistentVolumeClaim)) *corev1.PersistentVolumeClaim {
	pvc := snapshotstest.StatefulSetClaim("kafka", ordinal).In(ofHistory).Class(cluster.StorageClass).Obj()
	for _, c := range change {
		c(pvc)
	}
	return pvc
}

// lose deletes a claim, and waits until it is gone.
func (r *remembering) lose(pvc *corev1.PersistentVolumeClaim) {
	r.t.Helper()
	if err := r.Delete(r.t.Context(), pvc); err != nil {
		r.t.Fatal(err)
	}
	eventually(r.t, func(ctx context.Context) error {
		if err := r.Get(ctx, client.ObjectKeyFromObject(pvc), &corev1.PersistentVolumeClaim{}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("claim %s is there: %w", pvc.Name, err)
		}
		return nil
	})
}

// admitted creates a claim once the webhook answers.
func (r *remembering) admitted(pvc *corev1.PersistentVolumeClaim) {
	r.t.Helper()
	eventually(r.t, func(ctx context.Context) error { return r.Create(ctx, pvc) })
}

// promote says that the data of a claim which came back empty is good, once it has a
// snapshot.
func (r *remembering) promote(pvc *corev1.PersistentVolumeClaim) {
	r.t.Helper()
	eventually(r.t, func(ctx context.Context) error {
		var list snapshotv1.VolumeSnapshotList
		if err := r.List(ctx, &list, client.InNamespace(ofHistory)); err != nil {
			return err
		}
		for _, vs := range list.Items {
			if vs.Annotations[v1alpha1.AnnotationSourcePVCUID] == string(pvc.UID) && vs.Status != nil && ptr.Deref(vs.Status.ReadyToUse, false) {
				return nil
			}
		}
		return fmt.Errorf("claim %s has no snapshot yet", pvc.Name)
	})
	before := pvc.DeepCopy()
	metav1.SetMetaDataAnnotation(&pvc.ObjectMeta, v1alpha1.AnnotationPromote, v1alpha1.ValueTrue)
	if err := r.Patch(r.t.Context(), pvc, client.MergeFrom(before)); err != nil {
		r.t.Fatal(err)
	}
}

// entries are those that the plugin prints, the newest first.
func (r *remembering) entries() (all []v1alpha1.HistoryEntry, err error) {
	p := pluginAt(r.t, filepath.Join(r.Dir(), "admin.kubeconfig"), "history", "kafka", "-n", ofHistory, "-o", "json")
	if p.code != 0 {
		return nil, fmt.Errorf("exit code %d: %s", p.code, p.err)
	}
	if p.out == "" {
		return nil, nil
	}
	var form struct{ Entries []v1alpha1.HistoryEntry }
	err = json.Unmarshal([]byte(p.out), &form)
	return form.Entries, err
}

// await waits for an entry that is as expected.
func (r *remembering) await(what string, is func(v1alpha1.HistoryEntry) bool) (found v1alpha1.HistoryEntry) {
	r.t.Helper()
	err := cluster.Eventually(r.t.Context(), 3*patience, func(context.Context) error {
		all, err := r.entries()
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, is)
		if i < 0 {
			return fmt.Errorf("no entry %s in %+v", what, all)
		}
		found = all[i]
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return found
}

func ofKind(kind v1alpha1.HistoryKind, claim string) func(v1alpha1.HistoryEntry) bool {
	return func(e v1alpha1.HistoryEntry) bool { return e.Kind == kind && e.Claim == claim }
}

// times are the entries that count so many decisions, or more: what is told again is
// written only later.
func times(what func(v1alpha1.HistoryEntry) bool, n int) func(v1alpha1.HistoryEntry) bool {
	return func(e v1alpha1.HistoryEntry) bool { return what(e) && e.Count >= n }
}

// TestHistory has a restore, a refusal, an empty start, its promotion and prunes. In
// between, it ends the webhook, which writes what waits, and kills the leading scheduler.
// All of it is told afterwards.
func TestHistory(t *testing.T) {
	t.Parallel()
	r := newRemembering(t)
	lost, other := r.claim(0), r.claim(1)
	r.admitted(lost)
	r.admitted(other)
	eventually(t, func(ctx context.Context) error { return allBound(ctx, r, ofHistory) })
	create(t, r, snapshotstest.NewBackup("b", "kafka", cluster.SnapshotClass).In(ofHistory).Schedule("@every 5s").
		Spec(func(s *v1alpha1.KafkaBackupSpec) { s.RetentionCount = ptr.To(int32(2)) }).Annotate(v1alpha1.AnnotationRestore, "latest").Obj())
	waitForSnapshotOf(t, r, ofHistory, lost.Name)
	waitForSnapshotOf(t, r, ofHistory, other.Name)
	create(t, r, snapshotstest.NewBackup("second", "kafka", cluster.SnapshotClass).In(ofHistory).Schedule(never).Annotate(v1alpha1.AnnotationRestore, "latest").Obj())

	refused, restored := r.refusedThenRestored(lost)
	r.refuse()
	if err := r.End("webhook", patience); err != nil {
		t.Fatal(err)
	}
	r.kill("first")
	if got := r.await("of the refusal, which the webhook writes before it ends", times(ofKind(v1alpha1.HistoryRefused, lost.Name), 4)); got.Count != 4 {
		t.Errorf("each is counted once: %+v", got)
	}
	if err := r.Revive("webhook"); err != nil {
		t.Fatal(err)
	}
	r.emptyThenPromoted(other)
	pruned := r.await("of a prune", func(e v1alpha1.HistoryEntry) bool {
		return e.Kind == v1alpha1.HistoryPruned && e.Reason == string(v1alpha1.RuleRetentionCount)
	})
	if pruned.SnapshotUID == "" || pruned.ClaimUID == "" || pruned.Actor != "snapback" || pruned.Component != "scheduler" || pruned.Backup != "b" {
		t.Errorf("%+v", pruned)
	}
	if got := r.await("of the refusal", ofKind(v1alpha1.HistoryRefused, lost.Name)); got.ID != refused.ID || got.Count != 4 {
		t.Errorf("the history survives the kills: %+v", got)
	}
	r.onceEach()
	r.logged(restored.ID, pruned.ID, refused.ID)
}

// refusedThenRestored loses a claim, which is refused three times for its annotation, and
// then restored.
func (r *remembering) refusedThenRestored(lost *corev1.PersistentVolumeClaim) (refused, restored v1alpha1.HistoryEntry) {
	t := r.t
	t.Helper()
	r.lose(lost)
	for range 3 {
		r.refuse()
	}
	again := r.claim(0)
	create(t, r, again)
	refused = r.await("of the refusals", times(ofKind(v1alpha1.HistoryRefused, lost.Name), 3))
	if refused.Reason != string(v1alpha1.ReasonInvalidAnnotation) || refused.Count != 3 || refused.Actor == "" || refused.Admission == "" || refused.ClaimUID != "" {
		t.Errorf("%+v", refused)
	}
	r.await("of the verified restore", func(e v1alpha1.HistoryEntry) bool {
		return e.Kind == v1alpha1.HistoryVerified && e.ClaimUID == string(again.UID)
	})
	restored = r.await("of the restore", ofKind(v1alpha1.HistoryRestored, lost.Name))
	if restored.ClaimUID != string(again.UID) || restored.SnapshotUID == "" || restored.Run == "" || restored.Backup != "b" || restored.Component != "webhook" {
		t.Errorf("the scheduler adds the claim's UID to the restore: %+v", restored)
	}
	return refused, restored
}

// refuse has a claim refused for its annotation.
func (r *remembering) refuse() {
	r.t.Helper()
	wrong := r.claim(0, func(pvc *corev1.PersistentVolumeClaim) {
		pvc.Annotations = map[string]string{v1alpha1.AnnotationRestore: "yes"}
	})
	if err := r.Create(r.t.Context(), wrong); !apierrors.IsForbidden(err) {
		r.t.Fatalf("refused expected: %v", err)
	}
}

// emptyThenPromoted loses a claim, which starts empty since it opts out, and is promoted.
func (r *remembering) emptyThenPromoted(other *corev1.PersistentVolumeClaim) {
	r.t.Helper()
	r.lose(other)
	empty := r.claim(1, func(pvc *corev1.PersistentVolumeClaim) {
		pvc.Annotations = map[string]string{v1alpha1.AnnotationRestore: "off"}
	})
	r.admitted(empty)
	r.await("of the empty start, with the UID", func(e v1alpha1.HistoryEntry) bool {
		return e.Kind == v1alpha1.HistoryStartedEmpty && e.ClaimUID == string(empty.UID)
	})
	r.promote(empty)
	r.await("of the promotion", ofKind(v1alpha1.HistoryPromoted, empty.Name))
}

// onceEach checks that no entry is there twice, although two KafkaBackups are of the
// cluster, and two schedulers have led.
func (r *remembering) onceEach() {
	r.t.Helper()
	all, err := r.entries()
	if err != nil {
		r.t.Fatal(err)
	}
	type deed struct{ kind, reason, claimUID, snapshotUID string }
	seen := map[deed]v1alpha1.HistoryEntry{}
	for _, e := range all {
		d := deed{string(e.Kind), e.Reason, e.ClaimUID, e.SnapshotUID}
		if other, twice := seen[d]; twice && e.ClaimUID != "" {
			r.t.Errorf("twice: %+v and %+v", e, other)
		}
		seen[d] = e
	}
}

// logged checks that the log has lines with these IDs, with the fields of an entry.
func (r *remembering) logged(ids ...string) {
	r.t.Helper()
	files, err := filepath.Glob(filepath.Join(r.Dir(), "logs", "*.log"))
	if err != nil {
		r.t.Fatal(err)
	}
	found := map[string]bool{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			r.t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			if !strings.HasPrefix(line, `{"logger":"history"`) {
				continue
			}
			var e v1alpha1.HistoryEntry
			if err := json.Unmarshal([]byte(line), &e); err != nil || time.Since(e.Time.Time) > time.Hour {
				r.t.Errorf("%s: %q: %v", file, line, err)
			}
			found[e.ID] = true
		}
	}
	for _, id := range ids {
		if !found[id] {
			r.t.Errorf("the log has no line of %s", id)
		}
	}
}
