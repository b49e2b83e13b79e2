package recovery

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestRights has somebody who may read all, and change nothing: the old volume
// cannot be kept, unless there is nothing to do for that.
func TestRights(t *testing.T) {
	const cannot = "you may not get persistentvolumes, so the old volumes cannot be kept until the new ones are proven: have somebody run this who may, " +
		"or pass --discard-old-volumes to have them deleted with their claims: pv-of-data-kafka-0"
	for name, test := range map[string]struct {
		policy  corev1.PersistentVolumeReclaimPolicy
		request Request
		allowed bool
		want    bool
	}{
		"deleted":    {policy: corev1.PersistentVolumeReclaimDelete, want: true},
		"discarded":  {policy: corev1.PersistentVolumeReclaimDelete, request: Request{Discard: true}},
		"retained":   {policy: corev1.PersistentVolumeReclaimRetain},
		"by a right": {policy: corev1.PersistentVolumeReclaimDelete, allowed: true},
	} {
		t.Run(name, func(t *testing.T) {
			own := snapshotstest.StatefulSetClaim("kafka", 0)
			claim := boundClaim(own)
			var c client.Client = cluster(volumeOf(claim, test.policy), claim, snapshotOf(own).Obj()).Build()
			test.request.Brokers = []string{"0"}
			said, _, err := CheckRights(t.Context(), rightful{c, test.allowed}, plan(t, c, test.request), unknownOperator{})
			if err != nil || slices.Contains(said, cannot) != test.want || slices.Contains(said, "you may not delete pods in namespace kafka") == test.allowed {
				t.Errorf("lacks %q (error: %v)", said, err)
			}
		})
	}
}
