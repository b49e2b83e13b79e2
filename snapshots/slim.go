package snapshots

import (
	"maps"
	"slices"
	"strings"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// annotationTooLong marks a slim VolumeSnapshot whose annotations were too long
// to be read and were left out.
const annotationTooLong = v1alpha1.Domain + "too-long"

// SlimConfigMap returns a ConfigMap that holds a KafkaBackup, with only the fields
// that are read from it: for a cache. A spec that is too long to be read stays too
// long.
func SlimConfigMap(cm *corev1.ConfigMap) *corev1.ConfigMap {
	slim := &corev1.ConfigMap{ObjectMeta: slimMeta(&cm.ObjectMeta)}
	slim.Annotations = own(cm.Annotations)
	if status := cm.Annotations[v1alpha1.AnnotationStatus]; status != "" && len(status) <= maxStatus {
		slim.Annotations[v1alpha1.AnnotationStatus] = status
	}
	if text, ok := cm.Data[configMapSpec]; ok {
		slim.Data = map[string]string{configMapSpec: strings.Clone(text[:min(len(text), maxSpec+1)])}
	}
	return slim
}

// SlimSnapshot returns a VolumeSnapshot with only the fields that are read from it:
// for a cache.
func SlimSnapshot(vs *snapshotv1.VolumeSnapshot) *snapshotv1.VolumeSnapshot {
	slim := &snapshotv1.VolumeSnapshot{ObjectMeta: slimMeta(&vs.ObjectMeta), Spec: vs.Spec, Status: vs.Status}
	if slim.Annotations = own(vs.Annotations); tooLong(vs.Annotations) {
		slim.Annotations = map[string]string{v1alpha1.AnnotationBackupName: cut(vs.Annotations[v1alpha1.AnnotationBackupName], maxName), annotationTooLong: v1alpha1.ValueTrue}
	}
	if s := vs.Status; s != nil && s.Error != nil && s.Error.Message != nil && len(*s.Error.Message) > maxError {
		slim.Status = s.DeepCopy()
		*slim.Status.Error.Message = cut(*s.Error.Message, maxError)
	}
	return slim
}

// SlimVolume returns a PersistentVolume with only the fields that are read from it: for
// a cache. Of ten thousand each has its driver's settings and many annotations.
func SlimVolume(pv *corev1.PersistentVolume) *corev1.PersistentVolume {
	slim := &corev1.PersistentVolume{ObjectMeta: slimMeta(&pv.ObjectMeta), Status: corev1.PersistentVolumeStatus{Phase: pv.Status.Phase, LastPhaseTransitionTime: pv.Status.LastPhaseTransitionTime}}
	slim.Labels, slim.Annotations = nil, pick(pv.Annotations, "pv.kubernetes.io/provisioned-by", "pv.kubernetes.io/bound-by-controller")
	slim.Spec = corev1.PersistentVolumeSpec{Capacity: pv.Spec.Capacity, ClaimRef: pv.Spec.ClaimRef, StorageClassName: pv.Spec.StorageClassName,
		PersistentVolumeReclaimPolicy: pv.Spec.PersistentVolumeReclaimPolicy, VolumeMode: pv.Spec.VolumeMode, AccessModes: pv.Spec.AccessModes}
	if csi := pv.Spec.CSI; csi != nil {
		slim.Spec.CSI = &corev1.CSIPersistentVolumeSource{Driver: csi.Driver, VolumeHandle: csi.VolumeHandle}
	}
	return slim
}

// SlimClaim returns a claim without what its creator has applied, which is as long as
// the claim itself: for a cache.
func SlimClaim(pvc *corev1.PersistentVolumeClaim) *corev1.PersistentVolumeClaim {
	slim := *pvc
	slim.ManagedFields = nil
	slim.Annotations = maps.Clone(pvc.Annotations)
	delete(slim.Annotations, corev1.LastAppliedConfigAnnotation)
	return &slim
}

func slimMeta(m *metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion, Generation: m.Generation,
		CreationTimestamp: m.CreationTimestamp, DeletionTimestamp: m.DeletionTimestamp, Labels: m.Labels,
	}
}

// long are annotations that are too long for a cache: it only knows that they are
// there.
var long = []string{v1alpha1.AnnotationKafkaObserved, v1alpha1.AnnotationKafkaLastObserved}

// own returns Snapback's own annotations, except the status.
func own(annotations map[string]string) map[string]string {
	some := map[string]string{}
	for key, value := range annotations {
		switch {
		case !strings.HasPrefix(key, v1alpha1.Domain) || key == v1alpha1.AnnotationStatus:
		case slices.Contains(long, key):
			some[key] = v1alpha1.ValueTrue
		default:
			some[key] = strings.Clone(cut(value, maxKept))
		}
	}
	return some
}
