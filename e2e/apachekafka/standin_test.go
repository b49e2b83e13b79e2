package apachekafka

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// kubeletNode is the node that the pods run on, so that a deleted pod stays until
// its process has ended.
const kubeletNode = "test"

// operate does what Koperator and a kubelet do, until the test ends: it makes the
// claims and pods of the brokers that are gone, and has a process for each pod. Pods
// are Ready as soon as their process runs, since Koperator's have no readiness
// probe.
func (k *kafka) operate(ids ...int) {
	k.Helper()
	for _, id := range ids {
		k.must(k.run(k.ctx, id))
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(k.ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			for _, id := range ids {
				if err := k.run(ctx, id); err != nil && ctx.Err() == nil {
					k.Logf("broker %d: %v", id, err)
				}
			}
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	}()
	k.Cleanup(func() { stop(); <-ended })
}

// run brings one broker a step closer to a running pod.
func (k *kafka) run(ctx context.Context, id int) error {
	pod := &corev1.Pod{}
	err := k.api.Get(ctx, client.ObjectKey{Namespace: k.Namespace, Name: podOf(id)}, pod)
	switch {
	case apierrors.IsNotFound(err):
		return k.runNew(ctx, id)
	case err != nil:
		return err
	case pod.DeletionTimestamp != nil: // as a kubelet ends it
		if !k.Nodes[id].Ended() {
			k.Nodes[id].kill()
		}
		return client.IgnoreNotFound(k.api.Delete(ctx, pod, client.GracePeriodSeconds(0)))
	case k.Nodes[id].Ended(): // as a kubelet starts a container again
		return k.Launch(ctx, id)
	}
	return nil
}

// runNew makes the pod of a broker, and the claim if that is gone.
func (k *kafka) runNew(ctx context.Context, id int) error {
	pvc, err := k.Claimed(ctx, id, 0)
	switch {
	case apierrors.IsNotFound(err):
		k.Nodes[id].disks[0] = disk{}
		if err := k.CreateClaims(ctx, id); err != nil {
			return err
		}
		if pvc, err = k.Claimed(ctx, id, 0); err != nil {
			return err
		}
	case err != nil:
		return err
	case pvc.DeletionTimestamp != nil:
		return nil
	}
	if k.Nodes[id].Ended() {
		if err := k.Launch(ctx, id); err != nil {
			return err
		}
	}
	return k.createPod(ctx, id, pvc)
}

func podOf(id int) string { return fmt.Sprintf("kafka-%d", id) }

func (k *kafka) createPod(ctx context.Context, id int, pvc *corev1.PersistentVolumeClaim) error {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: k.Namespace, Name: podOf(id), Labels: pvc.Labels},
		Spec: corev1.PodSpec{NodeName: kubeletNode,
			Containers: []corev1.Container{{Name: "kafka", Image: "kafka"}},
			Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: pvc.Name}}}},
		},
	}
	if err := k.api.Create(ctx, pod); err != nil {
		return err
	}
	pod.Status.Phase = corev1.PodRunning
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	return k.api.Status().Update(ctx, pod)
}
