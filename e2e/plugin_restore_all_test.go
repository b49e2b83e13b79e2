package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// statefulSetWorld has a StatefulSet of so many brokers.
func statefulSetWorld(t *testing.T, brokers int) (*kafkaWorld, *appsv1.StatefulSet, []*snapshotstest.Claim) {
	t.Helper()
	w := newKafkaWorld(t, "kafka", true)
	set, claims := w.addStatefulSet(t, brokers)
	w.play(t)
	return w, set, claims
}

func (w *kafkaWorld) addStatefulSet(t *testing.T, brokers int) (*appsv1.StatefulSet, []*snapshotstest.Claim) {
	t.Helper()
	labels := map[string]string{"app": "kafka"}
	template := snapshotstest.PlainClaim("data").Class(w.class).Obj()
	template.Namespace = ""
	set := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "kafka"},
		Spec: appsv1.StatefulSetSpec{
			Replicas: ptr.To(int32(brokers)), PodManagementPolicy: appsv1.ParallelPodManagement,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "kafka", Image: "kafka"}}},
			},
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{*template},
		},
	}
	create(t, w, set)
	var claims []*snapshotstest.Claim
	for id := range brokers {
		claims = append(claims, snapshotstest.StatefulSetClaim("kafka", id))
	}
	return set, claims
}

// TestPluginRestoreStatefulSet takes a StatefulSet of three back to the run
// before the last, at once, and one of its brokers to its newest after that.
func TestPluginRestoreStatefulSet(t *testing.T) {
	t.Parallel()
	w, set, claims := statefulSetWorld(t, 3)
	written := w.fill(t, claims)
	older := w.run(t, 3)
	w.fill(t, claims)
	newer := w.run(t, 3)

	p := w.restore(t, "kafka", "--all", "--from-run", older, "--dry-run")
	var pairs []string
	for _, claim := range claims {
		pairs = append(pairs, w.claim(t, claim).Spec.VolumeName, "VOLUME")
	}
	golden(t, "restore-plan-all", p.out+p.err, append(pairs, older, "OLDER", w.namespace, "NAMESPACE")...)
	w.restore(t, "kafka", "--all", "--from-run", older, "-y").carriedOut(t)
	for n, claim := range claims {
		w.holds(t, claim, written[n])
	}
	if err := w.Get(t.Context(), client.ObjectKeyFromObject(set), set); err != nil || set.Generation != 3 || *set.Spec.Replicas != 3 || len(set.Annotations) > 0 {
		t.Errorf("the StatefulSet was not scaled down and up once: generation %d, %d replicas, %v (error: %v)", set.Generation, *set.Spec.Replicas, set.Annotations, err)
	}
	w.unpinned(t)
	eventually(t, func(ctx context.Context) error {
		for _, vs := range w.snapshots(ctx, newer) {
			if !strings.Contains(vs.Annotations[v1alpha1.AnnotationAbandoned], older) {
				return fmt.Errorf("VolumeSnapshot %s of the later run is not abandoned: %v", vs.Name, vs.Annotations)
			}
		}
		return nil
	})
	w.restore(t, "kafka", "--broker", "1", "-y").carriedOut(t)
	w.holds(t, claims[1], written[1])
}

// TestPluginRestoreLost restores a claim that is Lost: its PersistentVolume is
// gone, and nobody would ever replace it.
func TestPluginRestoreLost(t *testing.T) {
	t.Parallel()
	w, _, claims := statefulSetWorld(t, 1)
	written := w.fill(t, claims)
	run := w.run(t, 1)
	lost := w.claim(t, claims[0])
	pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: lost.Spec.VolumeName}}
	if err := w.Delete(t.Context(), pv); err != nil {
		t.Fatal(err)
	}
	if err := w.Patch(t.Context(), pv, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))); client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		if err := w.Get(ctx, client.ObjectKeyFromObject(lost), lost); err != nil || lost.Status.Phase != corev1.ClaimLost {
			return fmt.Errorf("the claim is %s, not Lost (error: %w)", lost.Status.Phase, err)
		}
		return nil
	})
	p := w.restore(t, "kafka", "--broker", "0", "-y")
	p.carriedOut(t)
	if !strings.Contains(p.out, " Lost ") {
		t.Errorf("the plan does not say that the claim is Lost:\n%s", p.out)
	}
	w.holds(t, claims[0], written[0])

	// One broker is the whole cluster: a point in time of it is not refused.
	w.restore(t, "--broker", "0", "--from-run", run, "-y").carriedOut(t)
	w.holds(t, claims[0], written[0])
	w.unpinned(t)
}

// TestPluginRestoreKoperator takes Koperator's brokers and their only controller
// back to an older run. It is killed when all is pinned, while the operator's
// pod is still there.
func TestPluginRestoreKoperator(t *testing.T) {
	t.Parallel()
	w, claims := koperatorWorld(t, 2, true)
	claims = append(claims, snapshotstest.KoperatorClaim("kafka", 2, "/kafka-logs").Label("pvcRoles", "controller"))
	w.claims["kafka-2"] = claims[2]
	labels := map[string]string{"app": "kafka-operator"}
	operator := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: newNamespace(t, w, nil), Name: "kafka-operator-operator"},
		Spec: appsv1.DeploymentSpec{Replicas: ptr.To(int32(1)), Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "manager", Image: "ghcr.io/banzaicloud/kafka-operator:v0.25.1"}}},
		}},
	}
	create(t, w, operator)
	w.podsToo, w.stopped = true, func(ctx context.Context) bool {
		var now appsv1.Deployment
		return w.Get(ctx, client.ObjectKeyFromObject(operator), &now) != nil || *now.Spec.Replicas == 0
	}
	w.play(t)
	written := w.fill(t, claims)
	older := w.run(t, 3)
	w.fill(t, claims)
	w.run(t, 3)

	p := w.restore(t, "kafka", "--all", "--from-run", older, "-y")
	if p.code != 1 || !strings.Contains(p.out, "\n - the quorum goes back with its brokers to the same run (2:/kafka-logs): pass --restore-quorum to do so\n") {
		t.Errorf("the quorum, unasked: exit code %d\n%s%s", p.code, p.out, p.err)
	}
	w.unpinned(t)

	holding := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":["snapback.dev/test"]}}`))
	pod := w.podOf(t, operator.Namespace)
	if err := w.Patch(t.Context(), pod, holding); err != nil {
		t.Fatal(err)
	}
	before := w.claim(t, claims[0])
	plugin := w.startRestore(t, "kafka", "--all", "--from-run", older, "--restore-quorum", "-y")
	eventually(t, func(ctx context.Context) error {
		if err := w.Get(ctx, client.ObjectKeyFromObject(pod), pod); err != nil || pod.DeletionTimestamp == nil {
			return fmt.Errorf("the operator's pod is not being deleted (error: %w)", err)
		}
		return nil
	})
	plugin.kill(t)
	for _, vs := range w.snapshots(t.Context(), older) {
		if vs.Annotations[v1alpha1.AnnotationRestoreNext] != "true" || !strings.Contains(vs.Annotations[v1alpha1.AnnotationHold], older) {
			t.Errorf("VolumeSnapshot %s is not pinned and held: %v", vs.Name, vs.Annotations)
		}
	}
	if w.claim(t, claims[0]).UID != before.UID {
		t.Error("a claim was deleted while the operator was there")
	}
	p = w.restore(t, "kafka", "--broker", "0", "-y")
	if p.code != 1 || !strings.Contains(p.out, "\n - another restore, run/"+older+", was begun and is not finished") {
		t.Errorf("another restore meanwhile: exit code %d\n%s%s", p.code, p.out, p.err)
	}
	releasing := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))
	if err := w.Patch(t.Context(), pod, releasing); err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	w.restore(t, "kafka", "--all", "--before", time.Now().Add(time.Hour).UTC().Format(time.RFC3339), "--restore-quorum", "-y").carriedOut(t)
	for n, claim := range claims {
		w.holds(t, claim, written[n])
	}
	w.unpinned(t)
	if err := w.Get(t.Context(), client.ObjectKeyFromObject(operator), operator); err != nil || *operator.Spec.Replicas != 1 {
		t.Errorf("Koperator's Deployment has %d replicas (error: %v)", *operator.Spec.Replicas, err)
	}
}

// podOf waits for the only pod of a namespace.
func (w *kafkaWorld) podOf(t *testing.T, namespace string) *corev1.Pod {
	t.Helper()
	var pods corev1.PodList
	eventually(t, func(ctx context.Context) error {
		if err := w.List(ctx, &pods, client.InNamespace(namespace)); err != nil || len(pods.Items) != 1 {
			return fmt.Errorf("%d pods in namespace %s (error: %w)", len(pods.Items), namespace, err)
		}
		return nil
	})
	return &pods.Items[0]
}

// TestPluginRestoreStrimzi takes a Kafka of Strimzi's back to an older run. Its
// pods are made again at once, its claims when it is not paused.
func TestPluginRestoreStrimzi(t *testing.T) {
	t.Parallel()
	w := newKafkaWorld(t, "my-cluster", true)
	strimziCRD(t, w, "Kafka", "kafkas")
	kafka := strimziObject("Kafka", w.namespace, "my-cluster", map[string]any{"spec": map[string]any{}})
	eventually(t, func(ctx context.Context) error { return w.Create(ctx, kafka.DeepCopy()) })
	var claims []*snapshotstest.Claim
	for id := range 2 {
		claims = append(claims, snapshotstest.StrimziClaim("my-cluster", "broker", id, 0))
		w.claims[fmt.Sprintf("my-cluster-broker-%d", id)] = claims[id]
	}
	w.stopped = func(ctx context.Context) bool {
		now := kafka.DeepCopy()
		if w.Get(ctx, client.ObjectKeyFromObject(kafka), now) != nil {
			return true
		}
		if now.GetAnnotations()["strimzi.io/pause-reconciliation"] != "true" {
			return false
		}
		if now.Object["status"] == nil {
			now.Object["status"] = map[string]any{"conditions": []any{map[string]any{"type": "ReconciliationPaused", "status": "True"}}}
			_ = w.Update(ctx, now) // a conflict is tried again
		}
		return true
	}
	w.play(t)
	written := w.fill(t, claims)
	older := w.run(t, 2)
	w.fill(t, claims)
	w.run(t, 2)
	w.restore(t, "my-cluster", "--all", "--from-run", older, "-y").carriedOut(t)
	for n, claim := range claims {
		w.holds(t, claim, written[n])
	}
	if err := w.Get(t.Context(), client.ObjectKeyFromObject(kafka), kafka); err != nil || len(kafka.GetAnnotations()) > 0 || kafka.Object["status"] == nil {
		t.Errorf("the Kafka was not paused, or still is: %v, %v (error: %v)", kafka.GetAnnotations(), kafka.Object["status"], err)
	}

	// One broker: it is not paused. Paused by somebody else, nothing is begun.
	w.restore(t, "my-cluster", "--broker", "1", "-y").carriedOut(t)
	w.annotate(t, kafka, "strimzi.io/pause-reconciliation", "true")
	p := w.restore(t, "my-cluster", "--broker", "1", "-y")
	if p.code != 1 || !strings.Contains(p.out, "is annotated strimzi.io/pause-reconciliation=true by somebody") {
		t.Errorf("paused by somebody: exit code %d\n%s%s", p.code, p.out, p.err)
	}
	w.unpinned(t)
}
