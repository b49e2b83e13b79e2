package drill

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestVolumeGoesWithItsClaim has somebody else delete the claim of a drill, such as the
// garbage collection with the KafkaBackup: the volume must not be retained.
func TestVolumeGoesWithItsClaim(t *testing.T) {
	w := newWorld(t, "one")
	w.reconcile("one")
	pvc := w.drills()[0]
	pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pvc-" + string(pvc.UID), Annotations: map[string]string{"pv.kubernetes.io/provisioned-by": "driver"}}}
	pv.Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimRetain
	pv.Spec.ClaimRef = &corev1.ObjectReference{Namespace: "kafka", Name: pvc.Name, UID: pvc.UID}
	if err := w.Create(t.Context(), pv); err != nil {
		t.Fatal(err)
	}
	pvc.Spec.VolumeName, pvc.Status.Phase = pv.Name, corev1.ClaimBound
	if err := w.Update(t.Context(), &pvc); err != nil {
		t.Fatal(err)
	}
	w.reconcile("one")
	if err := w.Get(t.Context(), client.ObjectKeyFromObject(pv), pv); err != nil || pv.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete {
		t.Errorf("the volume would be left: %s, %v", pv.Spec.PersistentVolumeReclaimPolicy, err)
	}
	if len(w.drills()) != 1 {
		t.Error("the drill has not gone on")
	}
}
