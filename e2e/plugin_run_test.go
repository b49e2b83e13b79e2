package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// never is a schedule that no test lives to see.
const never = "0 2 29 2 *"

// statefulBroker makes a bound claim of a StatefulSet's broker.
func statefulBroker(t *testing.T, c client.Client, namespace string, ordinal int) *corev1.PersistentVolumeClaim {
	t.Helper()
	pvc := snapshotstest.StatefulSetClaim("kafka", ordinal).In(namespace).Class(cluster.StorageClass).Obj()
	create(t, c, pvc)
	boundDir(t, pvc)
	return pvc
}

// sayReady waits until the condition Ready of a KafkaBackup has this reason.
func sayReady(t *testing.T, c client.Client, kb *v1alpha1.KafkaBackup, reason string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(kb), kb); err != nil {
			return err
		}
		if got := meta.FindStatusCondition(kb.Status.Conditions, "Ready"); got == nil || got.Reason != reason {
			return fmt.Errorf("Ready is %+v", got)
		}
		return nil
	})
}

// TestPluginRun takes a backup of two brokers now, of a suspended KafkaBackup
// and of one that a ConfigMap holds.
func TestPluginRun(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns := newNamespace(t, c, nil)
	statefulBroker(t, c, ns, 0)
	statefulBroker(t, c, ns, 1)
	kb := snapshotstest.NewBackup("rare", "kafka", cluster.SnapshotClass).In(ns).Schedule(never).
		Spec(func(s *v1alpha1.KafkaBackupSpec) { s.Suspend = true }).Obj()
	create(t, c, kb)
	create(t, c, snapshotstest.ConfigMapOf(snapshotstest.NewBackup("held", "kafka", cluster.SnapshotClass).In(ns).Schedule(never).Obj()))

	dry := kubectlSnapback(t, ns, "run", "rare", "--dry-run=server")
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(kb), kb); err != nil || kb.Annotations[v1alpha1.AnnotationRunNow] != "" {
		t.Errorf("after a dry run: %q, %v", kb.Annotations, err)
	}
	rare := kubectlSnapback(t, ns, "run", "rare")
	if rare.code != 0 || strings.Count(rare.err, ": ready\n") != 2 || !strings.HasPrefix(rare.err, "KafkaBackup rare is suspended") {
		t.Errorf("exit code %d\n%s", rare.code, rare.err)
	}
	held := kubectlSnapback(t, ns, "run", "held")
	if held.code != 0 {
		t.Errorf("exit code %d\n%s", held.code, held.err)
	}
	asked := kubectlSnapback(t, ns, "run", "held", "--wait=false")
	golden(t, "run", dry.all()+rare.out+held.out+asked.all())
}

// TestPluginRunFails runs where the driver fails, where a claim is not bound,
// and where no run can be made.
func TestPluginRunFails(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns := newNamespace(t, c, nil)
	statefulBroker(t, c, ns, 0)
	unbound := snapshotstest.StatefulSetClaim("kafka", 1).In(ns).Class("no-such-class").Obj()
	create(t, c, unbound)
	class := &snapshotv1.VolumeSnapshotClass{ObjectMeta: metav1.ObjectMeta{GenerateName: "failing-"}, Driver: cluster.DriverName,
		DeletionPolicy: snapshotv1.VolumeSnapshotContentDelete, Parameters: map[string]string{"failSnapshots": "true"}}
	create(t, c, class)
	failing := snapshotstest.NewBackup("failing", "kafka", class.Name).In(ns).Schedule(never).Obj()
	create(t, c, failing)
	p := kubectlSnapback(t, ns, "run", "failing", "--timeout=25s")
	if p.code != 1 || p.out != "" || !strings.Contains(p.err, "data-kafka-0: failed, and is tried again: ") ||
		!strings.Contains(p.err, "error: not finished in time, the run goes on: 0 of 2 volumes have a ready snapshot") {
		t.Errorf("the driver fails: exit code %d, %q\n%s", p.code, p.out, p.err)
	}

	half := snapshotstest.NewBackup("half", "kafka", cluster.SnapshotClass).In(ns).Schedule(never).Obj()
	create(t, c, half)
	p = kubectlSnapback(t, ns, "run", "half")
	if p.code != 1 || p.out != "" || !strings.Contains(p.err, ": 1 not snapshotted at all; claim data-kafka-1 is Pending, not Bound\n") {
		t.Errorf("half of it: exit code %d, %q\n%s", p.code, p.out, p.err)
	}

	classless := snapshotstest.NewBackup("classless", "kafka", "missing").In(ns).Schedule(never).Obj()
	create(t, c, classless)
	sayReady(t, c, classless, "VolumeSnapshotClassNotFound")
	kubectlSnapback(t, ns, "run", "classless").fails(t, `KafkaBackup classless cannot run now, nothing was changed: spec.volumeSnapshotClassName: `+
		`there is no VolumeSnapshotClass "missing": create it, or name one that "kubectl get volumesnapshotclass" lists`)
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(classless), classless); err != nil || classless.Annotations[v1alpha1.AnnotationRunNow] != "" {
		t.Errorf("after a refusal: %q, %v", classless.Annotations, err)
	}
}
