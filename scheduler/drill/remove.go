package drill

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/mergepatch"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/scheduler/marks"
)

// remove deletes what a drill has made: its pod, the claim, and with it the volume. The
// apiserver keeps the claim until no pod uses it.
func (r *Reconciler) remove(ctx context.Context, pvc *corev1.PersistentVolumeClaim) error {
	if err := r.settleVolume(ctx, pvc); err != nil {
		return err
	}
	pod, err := r.podOf(ctx, pvc)
	if err == nil && pod != nil {
		err = r.delete(ctx, pod)
	}
	if err != nil {
		return err
	}
	return r.delete(ctx, pvc)
}

// delete deletes an object of a drill as it was read.
func (r *Reconciler) delete(ctx context.Context, o client.Object) error {
	if !isOurs(o) || o.GetDeletionTimestamp() != nil {
		return nil
	}
	uid, version := o.GetUID(), o.GetResourceVersion()
	err := r.Client.Delete(ctx, o, client.Preconditions{UID: &uid, ResourceVersion: &version})
	if err != nil {
		return marks.IgnoreStale(fmt.Errorf("delete %T %s: %w", o, client.ObjectKeyFromObject(o), err))
	}
	return nil
}

// settleVolume reads the volume of a claim, and settles what becomes of it.
func (r *Reconciler) settleVolume(ctx context.Context, pvc *corev1.PersistentVolumeClaim) error {
	name := pvc.Spec.VolumeName
	if name == "" { // just made, perhaps, and not bound yet
		name = "pvc-" + string(pvc.UID)
	}
	pv, err := r.volume(ctx, name)
	if err != nil {
		return err
	}
	return r.settle(ctx, pvc, pv)
}

// settle sets what becomes of the volume of a claim, nil for none, when that is
// deleted. A volume that was made for the drill goes, whatever its class says: nobody
// else has ever used it. Any other one stays.
func (r *Reconciler) settle(ctx context.Context, pvc *corev1.PersistentVolumeClaim, pv *corev1.PersistentVolume) error {
	if pv == nil || pv.Spec.ClaimRef == nil || pv.Spec.ClaimRef.UID != pvc.UID {
		return nil
	}
	if want := policyFor(pv, pvc); pv.Spec.PersistentVolumeReclaimPolicy != want {
		return r.setPolicy(ctx, pv, want)
	}
	return nil
}

// setPolicy sets what becomes of a volume when its claim is gone.
func (r *Reconciler) setPolicy(ctx context.Context, pv *corev1.PersistentVolume, want corev1.PersistentVolumeReclaimPolicy) error {
	patch, err := mergepatch.Of(pv.UID, pv.ResourceVersion, map[string]any{"spec": map[string]any{"persistentVolumeReclaimPolicy": want}})
	if err == nil {
		err = r.Client.Patch(ctx, &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: pv.Name}}, patch)
	}
	if err != nil {
		return fmt.Errorf("set persistentvolume %s, of the drill's claim %s/%s, to %s: %w", pv.Name, pv.Spec.ClaimRef.Namespace, pv.Spec.ClaimRef.Name, want, err)
	}
	return nil
}

func policyFor(pv *corev1.PersistentVolume, pvc *corev1.PersistentVolumeClaim) corev1.PersistentVolumeReclaimPolicy {
	if claims.MadeFor(pv, pvc) {
		return corev1.PersistentVolumeReclaimDelete
	}
	return corev1.PersistentVolumeReclaimRetain
}

// removeLonePods deletes the pods of drills whose claim is gone.
func (r *Reconciler) removeLonePods(ctx context.Context, key types.NamespacedName, claimed []corev1.PersistentVolumeClaim) (left int, err error) {
	var pods corev1.PodList
	if err := r.APIReader.List(ctx, &pods, client.InNamespace(key.Namespace), client.MatchingLabels(labelsOf(key.Name))); err != nil {
		return 0, fmt.Errorf("list the pods of the drills of cluster %s: %w", key, err)
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		lone := !slices.ContainsFunc(claimed, func(pvc corev1.PersistentVolumeClaim) bool { return ownedBy(pod, pvc.UID) })
		if !lone || !isOurs(pod) {
			continue
		}
		left++
		if err := r.delete(ctx, pod); err != nil {
			return left, err
		}
	}
	return left, nil
}
