package transfer

import (
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/recovery"
	"github.com/snapback-dev/snapback/snapshots"
)

// TestExportedAnnotations leaves behind what says only what happens next here.
func TestExportedAnnotations(t *testing.T) {
	s := exported(t, koperator(), func(vs *snapshotv1.VolumeSnapshot) {
		for _, key := range []string{snapshots.AnnotationHold, snapshots.AnnotationAbandoned, snapshots.AnnotationRestoreNext, snapshots.AnnotationStartEmptyUntil, recovery.AnnotationRestoring} {
			vs.Annotations[key] = "true"
		}
	})
	for key, goes := range map[string]bool{
		snapshots.AnnotationHold: true, snapshots.AnnotationAbandoned: true, snapshots.AnnotationRestore: true,
		snapshots.AnnotationRestoreNext: false, snapshots.AnnotationStartEmptyUntil: false, recovery.AnnotationRestoring: false,
	} {
		if _, there := s.Annotations[key]; there != goes {
			t.Errorf("%s is exported: %t", key, there)
		}
	}
}
