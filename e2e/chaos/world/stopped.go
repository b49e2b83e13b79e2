package world

import (
	"context"
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
)

// pause is the annotation of Strimzi's Kafka by which people stop its operator.
const pause = "strimzi.io/pause-reconciliation"

// koperatorDeployment is the operator itself. People stop it by scaling it to 0.
func koperatorDeployment(c plan.Cluster) *appsv1.Deployment {
	labels := map[string]string{"app": "koperator"}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: "koperator", Labels: labels},
		Spec: appsv1.DeploymentSpec{Replicas: ptr.To(int32(1)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "manager", Image: "koperator"}}}}},
	}
}

// strimziKafka is the resource of a cluster, on which people stop Strimzi.
func strimziKafka(c plan.Cluster) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kafka.strimzi.io/v1", "kind": "Kafka",
		"metadata": map[string]any{"namespace": c.Namespace, "name": c.Name},
	}}
}

// stopped reports whether people have stopped the operator, or it cannot be known.
func (k koperator) stopped(ctx context.Context) bool {
	d := koperatorDeployment(k.cluster)
	return k.operators.Get(ctx, client.ObjectKeyFromObject(d), d) != nil || ptr.Deref(d.Spec.Replicas, 1) == 0
}

// stopped also says so on the Kafka: from then on no claim is made.
func (s strimzi) stopped(ctx context.Context) bool {
	kafka := strimziKafka(s.cluster)
	if s.operators.Get(ctx, client.ObjectKeyFromObject(kafka), kafka) != nil {
		return true
	}
	paused := kafka.GetAnnotations()[pause] == "true"
	if conditions, _, _ := unstructured.NestedSlice(kafka.Object, "status", "conditions"); paused != (len(conditions) > 0) {
		_ = s.sayPaused(ctx, kafka, paused) // the next look goes on
	}
	return paused
}

func (s strimzi) sayPaused(ctx context.Context, kafka *unstructured.Unstructured, paused bool) error {
	conditions := []any{}
	if paused {
		conditions = append(conditions, map[string]any{"type": "ReconciliationPaused", "status": "True"})
	}
	body, err := json.Marshal(map[string]any{"status": map[string]any{"conditions": conditions}})
	if err != nil {
		return fmt.Errorf("encode the conditions of kafka %s: %w", s.cluster.Namespace, err)
	}
	return s.operators.Patch(ctx, kafka, client.RawPatch(types.MergePatchType, body))
}

// stopped is never so: people scale the StatefulSet.
func (scheduling) stopped(context.Context) bool { return false }

// start undoes what the plugin has done to stop a cluster's operator.
func (w *World) start(ctx context.Context, c plan.Cluster) error {
	annotations := map[string]any{v1alpha1.AnnotationRestoreReplicas: nil, v1alpha1.AnnotationRestorePaused: nil, pause: nil}
	change := map[string]any{"metadata": map[string]any{"annotations": annotations}}
	switch c.Shape {
	case plan.Koperator:
		change["spec"] = map[string]any{"replicas": 1}
		return w.Change(ctx, koperatorDeployment(c), change)
	case plan.Strimzi:
		return w.Change(ctx, strimziKafka(c), change)
	case plan.StatefulSet:
		change["spec"] = map[string]any{"replicas": len(c.Volumes)}
		return w.Change(ctx, statefulSet(c), change)
	}
	return nil
}
