package snapshots_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/snapshots"
)

// TestSlimVolume keeps what a run stamps and what verification reads, and little else.
func TestSlimVolume(t *testing.T) {
	pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pv", UID: "uid", ResourceVersion: "7",
		Annotations: map[string]string{"pv.kubernetes.io/provisioned-by": "driver", "note": "long"}}}
	pv.Spec.Capacity = corev1.ResourceList{}
	pv.Spec.CSI = &corev1.CSIPersistentVolumeSource{Driver: "driver", VolumeHandle: "handle", VolumeAttributes: map[string]string{"pool": "fast"}}
	slim := snapshots.SlimVolume(pv)
	if slim.Spec.CSI.VolumeHandle != "handle" || slim.Spec.CSI.Driver != "driver" || slim.Spec.Capacity == nil || slim.UID != "uid" || slim.ResourceVersion != "7" {
		t.Errorf("lost some of %+v", slim)
	}
	if len(slim.Annotations) != 1 || slim.Spec.CSI.VolumeAttributes != nil {
		t.Errorf("kept too much: %+v", slim)
	}
	if pv.Annotations["note"] == "" {
		t.Error("the volume itself was changed")
	}
}

// TestSlimClaim leaves out what kubectl has applied, and nothing that is read.
func TestSlimClaim(t *testing.T) {
	pvc := brokerClaim().Annotate(corev1.LastAppliedConfigAnnotation, "{}").Annotate("snapback.dev/restore", "latest").Obj()
	slim := snapshots.SlimClaim(pvc)
	if slim.Annotations[corev1.LastAppliedConfigAnnotation] != "" || slim.Annotations["snapback.dev/restore"] == "" || len(slim.Labels) != len(pvc.Labels) {
		t.Errorf("kept %+v", slim.ObjectMeta)
	}
}
