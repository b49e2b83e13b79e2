package kind

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// statefulSet is a Kafka cluster whose brokers are a StatefulSet's. Its controller,
// a pod alone, is not lost in these checks, and has no claim.
var statefulSet = &shape{
	volumes: brokers,
	podName: func(n node) string {
		if n == controller {
			return fmt.Sprintf("%s-%d", n.pool, n.id)
		}
		return fmt.Sprintf("%s-%d", kafkaName, n.id)
	},
	start: func(ctx context.Context, k *kafkaCluster) error {
		pod := k.pod(controller)
		pod.Labels, pod.Spec = podLabels(controllerPool), k.podSpec(controllerPool)
		pod.Spec.Hostname = pod.Name
		pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
		if err := k.Create(ctx, pod); err != nil {
			return fmt.Errorf("create the controller: %w", err)
		}
		if err := k.Create(ctx, k.brokersSet()); err != nil {
			return fmt.Errorf("create the StatefulSet: %w", err)
		}
		return nil
	},
}

// brokersSet is a StatefulSet of brokers, with a claim for each.
func (k *kafkaCluster) brokersSet() *appsv1.StatefulSet {
	template := snapshotstest.PlainClaim("data").Class(waitingClass).Obj()
	template.Namespace = ""
	labels := podLabels(brokerPool)
	return &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: k.namespace, Name: kafkaName},
		Spec: appsv1.StatefulSetSpec{
			Replicas:             ptr.To(int32(brokers)),
			PodManagementPolicy:  appsv1.ParallelPodManagement,
			ServiceName:          brokersService,
			Selector:             &metav1.LabelSelector{MatchLabels: labels},
			Template:             corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: k.podSpec(brokerPool)},
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{*template},
		},
	}
}

// checkStatefulSet loses a StatefulSet's pod and claim.
func checkStatefulSet(ctx context.Context, w *world) error {
	return w.kafka.loseAndFind(ctx, 500, nodes[1])
}
