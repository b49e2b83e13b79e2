package kind

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// brokers is how many brokers a cluster has.
const brokers = 3

// kafkaStatefulSet is a StatefulSet of brokers, with a claim for each.
func kafkaStatefulSet(namespace string) *appsv1.StatefulSet {
	labels := map[string]string{"app": "kafka"}
	pod := brokerPod(namespace, "", "")
	pod.Spec.Volumes = nil
	template := snapshotstest.PlainClaim("data").Class(waitingClass).Obj()
	template.Namespace = ""
	return &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "kafka"},
		Spec: appsv1.StatefulSetSpec{
			Replicas:             ptr.To(int32(brokers)),
			PodManagementPolicy:  appsv1.ParallelPodManagement,
			Selector:             &metav1.LabelSelector{MatchLabels: labels},
			Template:             corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod.Spec},
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{*template},
		},
	}
}

// startStatefulSet creates brokers in a namespace of their own, lets each have
// records, and backs them up.
func (w *world) startStatefulSet(ctx context.Context) (namespace string, held []string, err error) {
	namespace, err = w.namespace(ctx, "statefulset", nil)
	if err != nil {
		return "", nil, err
	}
	if err := w.Create(ctx, kafkaStatefulSet(namespace)); err != nil {
		return "", nil, fmt.Errorf("create the StatefulSet: %w", err)
	}
	for i := range brokers {
		records, err := w.produce(ctx, namespace, fmt.Sprintf("kafka-%d", i))
		if err != nil {
			return "", nil, err
		}
		held = append(held, records)
	}
	return namespace, held, w.backUp(ctx, optedIn(namespace, "kafka"), brokers)
}

// checkStatefulSet loses a StatefulSet's pod and claim.
func checkStatefulSet(ctx context.Context, w *world) error {
	namespace, held, err := w.startStatefulSet(ctx)
	if err != nil {
		return err
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "kafka-1"}}
	lost, err := w.lose(ctx, pod)
	if err != nil {
		return err
	}
	if err := w.restored(ctx, client.ObjectKeyFromObject(pod), lost); err != nil {
		return err
	}
	for i, records := range held {
		if err := w.sameRecords(ctx, namespace, fmt.Sprintf("kafka-%d", i), records); err != nil {
			return err
		}
	}
	return nil
}
