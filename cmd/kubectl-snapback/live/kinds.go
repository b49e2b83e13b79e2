package live

import (
	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// feeds returns a feed for each kind that [inventory.Load] lists.
func feeds(c client.WithWatch, namespace string, changed func()) []*feed {
	in := client.InNamespace(namespace)
	only := []client.ListOption{}
	if namespace != "" { // who may read one namespace may often not list all
		only = append(only, client.MatchingFields{metav1.ObjectNameField: namespace})
	}
	return []*feed{
		newFeed(c, "namespaces", &corev1.Namespace{}, func() client.ObjectList { return &corev1.NamespaceList{} }, changed, only...),
		newFeed(c, "storageclasses", &storagev1.StorageClass{}, func() client.ObjectList { return &storagev1.StorageClassList{} }, changed),
		newFeed(c, "statefulsets", &appsv1.StatefulSet{}, func() client.ObjectList { return &appsv1.StatefulSetList{} }, changed, in),
		newFeed(c, "configmaps", &corev1.ConfigMap{}, func() client.ObjectList { return &corev1.ConfigMapList{} }, changed, in,
			client.MatchingLabels{v1alpha1.LabelConfigMap: v1alpha1.ValueTrue}),
		newFeed(c, "kafkabackups", &v1alpha1.KafkaBackup{}, func() client.ObjectList { return &v1alpha1.KafkaBackupList{} }, changed, in),
		newFeed(c, "claims", &corev1.PersistentVolumeClaim{}, func() client.ObjectList { return &corev1.PersistentVolumeClaimList{} }, changed, in),
		newFeed(c, "volumesnapshots", &snapshotv1.VolumeSnapshot{}, func() client.ObjectList { return &snapshotv1.VolumeSnapshotList{} }, changed, in),
	}
}

// lean returns an object without what no inventory reads: there may be 50,000
// VolumeSnapshots.
func lean(o any) (any, error) {
	object, ok := o.(client.Object)
	if !ok {
		return o, nil
	}
	object.SetManagedFields(nil)
	if annotations := object.GetAnnotations(); annotations[corev1.LastAppliedConfigAnnotation] != "" {
		delete(annotations, corev1.LastAppliedConfigAnnotation)
	}
	if set, ok := o.(*appsv1.StatefulSet); ok {
		set.Spec.Template = corev1.PodTemplateSpec{}
	}
	return o, nil
}
