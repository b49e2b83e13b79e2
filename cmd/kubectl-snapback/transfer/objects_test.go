package transfer

import (
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// TestExportedAnnotations leaves behind what says only what happens here.
func TestExportedAnnotations(t *testing.T) {
	s := exported(t, koperator(), func(vs *snapshotv1.VolumeSnapshot) {
		for _, key := range []string{v1alpha1.AnnotationHold, v1alpha1.AnnotationAbandoned, v1alpha1.AnnotationRestoreNext, v1alpha1.AnnotationStartEmptyUntil, v1alpha1.AnnotationRestoring, v1alpha1.AnnotationVerified, v1alpha1.AnnotationDrillFailed} {
			vs.Annotations[key] = "true"
		}
	})
	for key, goes := range map[string]bool{
		v1alpha1.AnnotationHold: true, v1alpha1.AnnotationAbandoned: true, v1alpha1.AnnotationRestore: true, v1alpha1.AnnotationVerified: true,
		v1alpha1.AnnotationRestoreNext: false, v1alpha1.AnnotationStartEmptyUntil: false, v1alpha1.AnnotationRestoring: false, v1alpha1.AnnotationDrillFailed: false,
	} {
		if _, there := s.Annotations[key]; there != goes {
			t.Errorf("%s is exported: %t", key, there)
		}
	}
}
