package e2e

import (
	"fmt"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// annotationOf reads an annotation of a snapshot.
func annotationOf(t *testing.T, c client.Client, namespace, snapshot, annotation string) string {
	t.Helper()
	var vs snapshotv1.VolumeSnapshot
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: snapshot}, &vs); err != nil {
		t.Fatal(err)
	}
	return vs.Annotations[annotation]
}

// annotateSnapshot sets an annotation of a snapshot.
func annotateSnapshot(t *testing.T, c client.Client, namespace, snapshot, annotation, value string) {
	t.Helper()
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, annotation, value))
	if err := c.Patch(t.Context(), &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: snapshot}}, patch); err != nil {
		t.Fatal(err)
	}
}

// TestPluginHold holds and releases snapshots by name and by run, and freezes a
// KafkaBackup.
func TestPluginHold(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns := newNamespace(t, c, nil)
	statefulBroker(t, c, ns, 0)
	statefulBroker(t, c, ns, 1)
	create(t, c, snapshotstest.NewBackup("b", "kafka", cluster.SnapshotClass).In(ns).Schedule(never).Obj())
	if p := kubectlSnapback(t, ns, "run", "b"); p.code != 0 {
		t.Fatal(p.err)
	}
	first := waitForSnapshotOf(t, c, ns, "data-kafka-0")
	second := waitForSnapshotOf(t, c, ns, "data-kafka-1")
	var vs snapshotv1.VolumeSnapshot
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: first}, &vs); err != nil {
		t.Fatal(err)
	}
	run := vs.Labels[v1alpha1.LabelRun]
	reason := func(snapshot string) string { return annotationOf(t, c, ns, snapshot, v1alpha1.AnnotationHold) }

	said := kubectlSnapback(t, ns, "hold", first, "--reason", "why", "--dry-run=server").all()
	if got := reason(first); got != "" {
		t.Errorf("held by a dry run: %q", got)
	}
	for _, args := range [][]string{{"hold", first, "--reason", "why"}, {"hold", first, "--reason", "why"}, {"hold", "--run", run, "--reason", "an upgrade"}} {
		said += kubectlSnapback(t, ns, args...).all()
	}
	if reason(first) != "an upgrade" || reason(second) != "an upgrade" {
		t.Errorf("held: %q, %q", reason(first), reason(second))
	}
	annotateSnapshot(t, c, ns, second, v1alpha1.AnnotationRestoreNext, "true")
	annotateSnapshot(t, c, ns, second, v1alpha1.AnnotationAbandoned, first)
	kubectlSnapback(t, ns, "release", "--run", run).fails(t,
		"VolumeSnapshot "+second+" was abandoned by the restore from "+first+" and is kept for that: say --abandoned to let it go, or delete it; nothing was changed")
	if reason(first) == "" {
		t.Error("released by a refused command")
	}
	for range 2 {
		said += kubectlSnapback(t, ns, "release", first).all() + kubectlSnapback(t, ns, "release", second, "--abandoned").all()
	}
	for _, annotation := range []string{v1alpha1.AnnotationHold, v1alpha1.AnnotationRestoreNext, v1alpha1.AnnotationAbandoned} {
		if got := annotationOf(t, c, ns, second, annotation); got != "" {
			t.Errorf("%s is still %q", annotation, got)
		}
	}

	frozen := func() string {
		t.Helper()
		var kb v1alpha1.KafkaBackup
		if err := c.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "b"}, &kb); err != nil {
			t.Fatal(err)
		}
		return kb.Annotations[v1alpha1.AnnotationFreeze]
	}
	for range 2 {
		said += kubectlSnapback(t, ns, "freeze", "b", "--reason", "topics lost").all()
	}
	if got := frozen(); got != "topics lost" {
		t.Errorf("frozen for %q", got)
	}
	for range 2 {
		said += kubectlSnapback(t, ns, "unfreeze", "b").all()
	}
	if got := frozen(); got != "" {
		t.Errorf("frozen for %q", got)
	}
	golden(t, "hold", said, first, "FIRST", second, "SECOND")

	kubectlSnapback(t, ns, "hold", "missing", first, "--reason", "why").fails(t, `namespace `+ns+` has no VolumeSnapshot "missing"; nothing was changed`)
	kubectlSnapback(t, ns, "hold", first, "--run", run, "--reason", "why").fails(t, "name VolumeSnapshots, or a run with --run")
	kubectlSnapback(t, ns, "hold", first, "--reason", " ").fails(t, "--reason must say why, for people who find it later")
	kubectlSnapback(t, ns, "release", "--run", "yesterday").fails(t, `--run "yesterday": must be a time such as 20260221-190533 or 2026-02-21T19:05:33Z`)
	kubectlSnapback(t, ns, "release", "--run", "20010101-000000").fails(t, "namespace "+ns+" has no VolumeSnapshot of run 20010101-000000")
	kubectlSnapback(t, ns, "release", "--run", run, "--cluster", "other").fails(t, "run "+run+` is not of Kafka cluster "other", but of: kafka`)
}
