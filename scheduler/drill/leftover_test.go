package drill

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestLeftovers begins a drill where an earlier one was given up before its volume was
// made. Only that volume goes.
func TestLeftovers(t *testing.T) {
	w := newWorld(t, "one")
	named := namePrefix + strings.Repeat("0a", 16)
	volumes := map[string]struct {
		change func(*corev1.PersistentVolume)
		goes   bool
	}{
		"finished late":        {func(*corev1.PersistentVolume) {}, true},
		"its claim is there":   {func(pv *corev1.PersistentVolume) { pv.Status.Phase = corev1.VolumeBound }, false},
		"of another namespace": {func(pv *corev1.PersistentVolume) { pv.Spec.ClaimRef.Namespace = "other" }, true},
		"of a broker":          {func(pv *corev1.PersistentVolume) { pv.Spec.ClaimRef.Name = "data-0" }, false},
		"named by people":      {func(pv *corev1.PersistentVolume) { pv.Spec.ClaimRef.Name = namePrefix + "mine" }, false},
		"made by people":       {func(pv *corev1.PersistentVolume) { pv.Annotations = nil }, false},
		"another claim's":      {func(pv *corev1.PersistentVolume) { pv.Spec.ClaimRef.UID = "other" }, false},
		"of no claim":          {func(pv *corev1.PersistentVolume) { pv.Spec.ClaimRef = nil }, false},
	}
	of := map[string]string{}
	for what, v := range volumes {
		uid := strings.ReplaceAll(what, " ", "-")
		pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pvc-" + uid, Annotations: map[string]string{"pv.kubernetes.io/provisioned-by": "driver"}}}
		pv.Spec.PersistentVolumeReclaimPolicy, pv.Status.Phase = corev1.PersistentVolumeReclaimRetain, corev1.VolumeReleased
		pv.Spec.ClaimRef = &corev1.ObjectReference{Namespace: "kafka", Name: named, UID: types.UID(uid)}
		v.change(pv)
		if of[what] = pv.Name; w.Create(t.Context(), pv) != nil {
			t.Fatal(what)
		}
	}
	w.reconcile("one")
	for what, v := range volumes {
		var pv corev1.PersistentVolume
		if err := w.Get(t.Context(), client.ObjectKey{Name: of[what]}, &pv); err != nil {
			t.Fatal(err)
		}
		if goes := pv.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete; goes != v.goes {
			t.Errorf("%s: %s", what, pv.Spec.PersistentVolumeReclaimPolicy)
		}
	}
	if len(w.drills()) != 1 {
		t.Error("the drill has not begun")
	}
	running := []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{UID: "finished-late"}}}
	var pv corev1.PersistentVolume
	if err := w.Get(t.Context(), client.ObjectKey{Name: of["finished late"]}, &pv); err != nil {
		t.Fatal(err)
	}
	pv.Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimRetain
	if !isLeftover(&pv, nil) || isLeftover(&pv, running) {
		t.Error("the volume of a running drill is not left over")
	}
}
