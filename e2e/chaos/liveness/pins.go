package liveness

import (
	"bytes"
	"fmt"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// A pin is taken off the snapshot once the claim that it was set for is restored.
var _ = register(Check{Name: "pins", Run: func(s State) []string {
	var wrong []string
	for i := range s.Snapshots {
		vs := &s.Snapshots[i]
		if _, pinned := vs.Annotations[v1alpha1.AnnotationRestoreNext]; !pinned {
			continue
		}
		for _, claims := range s.Claims {
			for j := range claims {
				if c := &claims[j]; restoredFrom(c, vs) && pinnedAt(vs).Before(c.CreationTimestamp.Time) {
					wrong = append(wrong, fmt.Sprintf("VolumeSnapshot %s/%s is still pinned, and claim %s was restored from it", vs.Namespace, vs.Name, c.Name))
				}
			}
		}
	}
	return wrong
}})

// restoredFrom reports whether a claim was filled from a snapshot since a person had
// chosen it.
func restoredFrom(c *corev1.PersistentVolumeClaim, vs *snapshotv1.VolumeSnapshot) bool {
	return c.Namespace == vs.Namespace && c.Status.Phase == corev1.ClaimBound && c.Spec.DataSource != nil && c.Spec.DataSource.Name == vs.Name &&
		c.Annotations[v1alpha1.AnnotationRestoredBy] == "restore-next"
}

// pinnedAt is when somebody has set the pin of a snapshot, to the second.
func pinnedAt(vs *snapshotv1.VolumeSnapshot) (at time.Time) {
	for _, f := range vs.ManagedFields {
		if f.FieldsV1 != nil && f.Time != nil && bytes.Contains(f.FieldsV1.GetRawBytes(), []byte(v1alpha1.AnnotationRestoreNext)) && f.Time.After(at) {
			at = f.Time.Time
		}
	}
	return at
}
