package kind

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
)

// checkLeader kills the leader in the midst of a run: the next one makes what
// is missing of it, and nothing twice.
func checkLeader(ctx context.Context, w *world) error {
	const volumes = 20
	namespace, err := w.namespace(ctx, "leader", nil)
	if err != nil {
		return err
	}
	for id := range volumes {
		if _, err := w.createBound(ctx, koperatorClaim("events", id).In(namespace).Class(immediateClass).Obj()); err != nil {
			return err
		}
	}
	holdUp, err := w.holdUpSnapshots(ctx, namespace)
	if err != nil {
		return err
	}
	kb := optedIn(namespace, "events").Obj()
	if err := w.Create(ctx, kb); err != nil {
		return fmt.Errorf("create the KafkaBackup: %w", err)
	}
	if err := w.runNow(ctx, kb); err != nil {
		return err
	}
	begun, err := w.waitForRun(ctx, namespace, 1)
	if err != nil {
		return err
	}
	if err := w.killLeader(ctx); err != nil {
		return err
	}
	perRun, err := w.snapshotsPerRun(ctx, namespace)
	if n := len(perRun[begun]); err == nil && n == volumes {
		err = fmt.Errorf("run %s was over before its leader was killed", begun)
	}
	if err := errors.Join(err, w.Delete(ctx, holdUp)); err != nil {
		return err
	}
	ended, err := w.waitForRun(ctx, namespace, volumes)
	if err == nil && ended != begun {
		err = fmt.Errorf("run %s was not ended, run %s was", begun, ended)
	}
	return errors.Join(err, w.noSnapshotTwice(ctx, namespace), w.settled(ctx, 2))
}

// holdUpSnapshots makes the apiserver wait with all snapshots of a namespace
// but those of broker 0, for ten seconds at the least: it asks a webhook that
// does not answer.
func (w *world) holdUpSnapshots(ctx context.Context, namespace string) (client.Object, error) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "silent"}, Spec: corev1.PodSpec{
		TerminationGracePeriodSeconds: ptr.To(int64(0)),
		Containers:                    []corev1.Container{{Name: "silent", Image: testImage, Command: []string{"/silent", "--addr=:9443"}}},
	}}
	if err := w.Create(ctx, pod); err != nil {
		return nil, fmt.Errorf("create the silent server: %w", err)
	}
	err := eventually(ctx, func(ctx context.Context) error {
		err := w.Get(ctx, client.ObjectKeyFromObject(pod), pod)
		if err == nil && !slices.ContainsFunc(pod.Status.Conditions, isReady) {
			err = fmt.Errorf("pod %s is not ready", pod.Name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	rule := admissionv1.Rule{APIGroups: []string{snapshotv1.GroupName}, APIVersions: []string{"v1"}, Resources: []string{"volumesnapshots"}}
	holdUp := &admissionv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "silent"}, Webhooks: []admissionv1.ValidatingWebhook{{
		Name: "silent.snapback.dev", AdmissionReviewVersions: []string{"v1"}, SideEffects: ptr.To(admissionv1.SideEffectClassNone),
		FailurePolicy: ptr.To(admissionv1.Ignore), TimeoutSeconds: ptr.To(int32(30)),
		ClientConfig:      admissionv1.WebhookClientConfig{URL: ptr.To("https://" + pod.Status.PodIP + ":9443/")},
		Rules:             []admissionv1.RuleWithOperations{{Operations: []admissionv1.OperationType{admissionv1.Create}, Rule: rule}},
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
		ObjectSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "brokerId", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"0"}}}},
	}}}
	if err := w.Create(ctx, holdUp); err != nil {
		return nil, fmt.Errorf("create the silent webhook: %w", err)
	}
	probe := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "probe"},
		Spec: snapshotv1.VolumeSnapshotSpec{Source: snapshotv1.VolumeSnapshotSource{PersistentVolumeClaimName: ptr.To("probe")}}}
	return holdUp, eventually(ctx, func(ctx context.Context) error {
		quick, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		if err := w.Create(quick, probe.DeepCopy(), client.DryRunAll); quick.Err() == nil {
			return fmt.Errorf("snapshots are not held up yet: %w", err)
		}
		return nil
	})
}

// waitForRun waits until a run has snapshots of so many volumes, or more, and
// returns the run.
func (w *world) waitForRun(ctx context.Context, namespace string, volumes int) (run string, err error) {
	err = eventually(ctx, func(ctx context.Context) error {
		perRun, err := w.snapshotsPerRun(ctx, namespace)
		for r, slots := range perRun {
			if len(slots) >= volumes {
				run = r
				return nil
			}
		}
		if err == nil {
			err = fmt.Errorf("no run has snapshots of %d volumes: %v", volumes, perRun)
		}
		return err
	})
	return run, err
}

// snapshotsPerRun counts the snapshots of each volume in each run.
func (w *world) snapshotsPerRun(ctx context.Context, namespace string) (map[string]map[string]int, error) {
	var list snapshotv1.VolumeSnapshotList
	if err := w.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("list the snapshots: %w", err)
	}
	perRun := map[string]map[string]int{}
	for _, vs := range list.Items {
		run, slot := vs.Labels[v1alpha1.LabelRun], vs.Labels[v1alpha1.LabelVolume]
		if perRun[run] == nil {
			perRun[run] = map[string]int{}
		}
		perRun[run][slot]++
	}
	return perRun, nil
}

func (w *world) noSnapshotTwice(ctx context.Context, namespace string) error {
	perRun, err := w.snapshotsPerRun(ctx, namespace)
	for run, slots := range perRun {
		for slot, n := range slots {
			if n > 1 {
				return fmt.Errorf("run %s has %d snapshots of volume %s", run, n, slot)
			}
		}
	}
	return err
}

// killLeader kills the pod that leads, and waits until another one does.
func (w *world) killLeader(ctx context.Context) error {
	leader, err := w.leader(ctx)
	if err != nil {
		return err
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: cluster.Namespace, Name: leader}}
	if err := w.Delete(ctx, pod, client.GracePeriodSeconds(0)); err != nil {
		return fmt.Errorf("kill the leader: %w", err)
	}
	return eventually(ctx, func(ctx context.Context) error {
		now, err := w.leader(ctx)
		if err == nil && (now == leader || now == "") {
			err = fmt.Errorf("the killed pod %s still leads", leader)
		}
		return err
	})
}

// leader is the name of the pod that holds the Lease.
func (w *world) leader(ctx context.Context) (string, error) {
	var lease coordinationv1.Lease
	if err := w.Get(ctx, client.ObjectKey{Namespace: cluster.Namespace, Name: "snapback-scheduler"}, &lease); err != nil {
		return "", fmt.Errorf("read the leader's Lease: %w", err)
	}
	if lease.Spec.HolderIdentity == nil {
		return "", nil
	}
	pod, _, _ := strings.Cut(*lease.Spec.HolderIdentity, "_")
	return pod, nil
}
