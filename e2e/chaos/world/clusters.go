package world

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// Backup is the name of the KafkaBackup of each cluster.
const Backup = "often"

// makeClusters makes what all clusters need, and then each cluster.
func (w *World) makeClusters(ctx context.Context) error {
	for kind, plural := range map[string]string{"Kafka": "kafkas", "KafkaNodePool": "kafkanodepools"} {
		if err := w.make(ctx, strimziCRD(kind, plural)); err != nil {
			return err
		}
	}
	if err := w.make(ctx, slowClass()); err != nil {
		return err
	}
	for _, c := range w.Layout.Clusters {
		if err := w.makeCluster(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// makeCluster makes the namespace of a cluster, what its operator has, and its
// KafkaBackup, which opts it in.
func (w *World) makeCluster(ctx context.Context, c plan.Cluster) error {
	objects := []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.Namespace}}}
	if c.ConfigMap {
		objects = append(objects, snapshotstest.ConfigMapOf(backup(c)))
	} else {
		objects = append(objects, backup(c))
	}
	switch c.Shape {
	case plan.StatefulSet:
		objects = append(objects, statefulSet(c))
	case plan.Koperator:
		objects = append(objects, koperatorDeployment(c))
	case plan.Strimzi:
		objects = append(objects, strimziKafka(c))
		for _, pool := range c.Pools() {
			objects = append(objects, nodePool(c, pool))
		}
	}
	for _, o := range objects {
		if err := w.make(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) make(ctx context.Context, o client.Object) error {
	return w.Try(ctx, func(ctx context.Context) error {
		if err := w.Observer.Create(ctx, o); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("create %T %s: %w", o, o.GetName(), err)
		}
		return nil
	})
}

// SlowSnapshots is the class of a storage that takes snapshots late, and has them ready
// later.
const SlowSnapshots = "slow-snapshots"

func slowClass() *snapshotv1.VolumeSnapshotClass {
	return &snapshotv1.VolumeSnapshotClass{ObjectMeta: metav1.ObjectMeta{Name: SlowSnapshots}, Driver: cluster.DriverName,
		DeletionPolicy: snapshotv1.VolumeSnapshotContentDelete, Parameters: map[string]string{"cutAfter": "1s", "readyAfter": "3s"}}
}

// backup has many runs and prunings in a few minutes.
func backup(c plan.Cluster) *v1alpha1.KafkaBackup {
	class := cluster.SnapshotClass
	if c.Shape == plan.Koperator {
		class = SlowSnapshots
	}
	b := snapshotstest.NewBackup(Backup, c.Name, class).In(c.Namespace).Schedule("@every 10s").
		Annotate(v1alpha1.AnnotationRestore, v1alpha1.ValueLatest).
		Spec(func(s *v1alpha1.KafkaBackupSpec) {
			s.RetentionCount, s.RetentionTime, s.PromoteAfter = ptr.To(int32(3)), "", "1m"
		})
	if c.Shape == plan.Strimzi {
		b.Annotate(v1alpha1.AnnotationRestoreQuorum, v1alpha1.ValueTrue)
	}
	return b.Obj()
}

func statefulSet(c plan.Cluster) *appsv1.StatefulSet {
	labels := map[string]string{"app": c.Name}
	template := snapshotstest.PlainClaim("data").Class(cluster.StorageClass).Obj()
	template.Namespace = ""
	return &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: c.Name},
		Spec: appsv1.StatefulSetSpec{
			Replicas: ptr.To(int32(len(c.Volumes))), PodManagementPolicy: appsv1.ParallelPodManagement, // no kubelet makes a pod ready
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "kafka", Image: "kafka"}}},
			},
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{*template},
		},
	}
}

func strimziCRD(kind, plural string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": plural + ".kafka.strimzi.io"},
		"spec": map[string]any{
			"group": "kafka.strimzi.io", "scope": "Namespaced", "names": map[string]any{"kind": kind, "plural": plural},
			"versions": []any{map[string]any{"name": "v1", "served": true, "storage": true, "schema": map[string]any{
				"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}},
		},
	}}
}

// nodePool says the roles of the nodes of a pool.
func nodePool(c plan.Cluster, pool string) *unstructured.Unstructured {
	roles := []any{pool}
	if pool == plan.PoolCombined {
		roles = []any{plan.PoolBroker, plan.PoolController}
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kafka.strimzi.io/v1", "kind": "KafkaNodePool",
		"metadata": map[string]any{"namespace": c.Namespace, "name": pool, "labels": map[string]any{"strimzi.io/cluster": c.Name}},
		"spec":     map[string]any{"roles": roles},
	}}
}
