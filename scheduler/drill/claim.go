package drill

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// namePrefix begins the names of claims and pods of drills. The admission policy of the
// component allows only these.
const namePrefix = "snapback-drill-"

// name returns the name of the claim and the pod of a drill. The same drill always
// gives the same name, so that it is never carried out twice at a time.
func name(t task) string {
	const length = 32
	sum := sha256.Sum256([]byte(strings.Join([]string{t.asker.Namespace, t.asker.Name, t.good.Name, dueText(t.due)}, "\n")))
	return namePrefix + hex.EncodeToString(sum[:])[:length]
}

func dueText(due time.Time) string { return due.UTC().Format(time.RFC3339) }

// newClaim returns the claim that a drill restores a snapshot into. It goes with its
// KafkaBackup: the owner does not have to be there when it is collected, since
// nobody needs the copy.
func newClaim(t task, from *snapshotv1.VolumeSnapshot) *corev1.PersistentVolumeClaim {
	pvc := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: t.asker.Namespace,
			Name:      name(t),
			Labels:    labelsOf(t.asker.Cluster),
			Annotations: map[string]string{
				v1alpha1.AnnotationBackupName: t.asker.Name,
				v1alpha1.AnnotationDrillDue:   dueText(t.due),
			},
			OwnerReferences: []metav1.OwnerReference{ownerOf(t.asker.Backup)},
		},
		Spec: corev1.PersistentVolumeClaimSpec{
			// Not read-only: the filesystem of a snapshot has a journal that must be
			// replayed when it is mounted first. The pod mounts it read-only.
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			VolumeMode:  ptr.To(corev1.PersistentVolumeFilesystem),
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: sizeOf(from)}},
			DataSource: &corev1.TypedLocalObjectReference{
				APIGroup: ptr.To(snapshotv1.GroupName), Kind: "VolumeSnapshot", Name: from.Name,
			},
		},
	}
	if class, ok := from.Annotations[v1alpha1.AnnotationStorageClassName]; ok {
		pvc.Spec.StorageClassName = &class
	}
	return pvc
}

// labelsOf returns the labels of a drill's claim and pod. They have none of an
// operator's, whose selectors must not match them.
func labelsOf(cluster string) map[string]string {
	return map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelDrill: snapshots.LabelValue(cluster)}
}

func ownerOf(b snapshots.Backup) metav1.OwnerReference {
	owner := metav1.OwnerReference{APIVersion: v1alpha1.GroupVersion.String(), Kind: "KafkaBackup", Name: b.Name, UID: b.UID}
	if b.IsConfigMap {
		owner.APIVersion, owner.Kind = corev1.SchemeGroupVersion.String(), "ConfigMap"
	}
	return owner
}

// sizeOf returns the size of a claim for a snapshot: what the driver needs for it, and
// no less than the volume had, which a driver may not report.
func sizeOf(vs *snapshotv1.VolumeSnapshot) resource.Quantity {
	size, err := resource.ParseQuantity(vs.Annotations[v1alpha1.AnnotationCapacity])
	if err != nil {
		size = resource.Quantity{} // NewSnapshot has refused a spoilt one; imported ones may have none
	}
	if vs.Status != nil && vs.Status.RestoreSize != nil && vs.Status.RestoreSize.Cmp(size) > 0 {
		size = *vs.Status.RestoreSize
	}
	if size.IsZero() { // the apiserver wants a size, and the driver makes it as large as it must be
		size = resource.MustParse("1Gi")
	}
	return size
}

// isOurs reports whether an object is of a drill. Nothing else is ever touched.
func isOurs(o metav1.Object) bool {
	return snapshots.IsDrill(o) && o.GetLabels()[v1alpha1.LabelManagedBy] == v1alpha1.ManagedBy && strings.HasPrefix(o.GetName(), namePrefix)
}

// isSame reports whether an existing claim is the one that the drill wants to create.
// Policies of the cluster may have added labels and annotations.
func isSame(have, want *corev1.PersistentVolumeClaim) bool {
	return has(have.Annotations, want.Annotations) && has(have.Labels, want.Labels) && snapshots.SourceOf(have) == snapshots.SourceOf(want) && ownedBy(have, want.OwnerReferences[0].UID)
}

func has(have, want map[string]string) bool {
	for key, value := range want {
		if have[key] != value {
			return false
		}
	}
	return true
}

// available returns the name of a volume that the binder would give the claim in place
// of one that is made from the snapshot; empty: there is none. A volume of people could
// so be mounted, and be deleted with the claim.
func available(pvs []corev1.PersistentVolume, pvc *corev1.PersistentVolumeClaim) string {
	found := ""
	for i := range pvs {
		pv := &pvs[i]
		capacity := pv.Spec.Capacity[corev1.ResourceStorage]
		fits := pv.Status.Phase == corev1.VolumeAvailable && pv.Spec.ClaimRef == nil && pv.DeletionTimestamp == nil &&
			pv.Spec.StorageClassName == ptr.Deref(pvc.Spec.StorageClassName, "") &&
			cmp.Or(ptr.Deref(pv.Spec.VolumeMode, ""), corev1.PersistentVolumeFilesystem) == corev1.PersistentVolumeFilesystem &&
			capacity.Cmp(pvc.Spec.Resources.Requests[corev1.ResourceStorage]) >= 0
		if fits && (found == "" || pv.Name < found) {
			found = pv.Name
		}
	}
	return found
}
