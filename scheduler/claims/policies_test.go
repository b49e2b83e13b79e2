package claims_test

import (
	"testing"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestPoliciesAreOfOneClaimEach has two claims of one volume, as after a loss.
func TestPoliciesAreOfOneClaimEach(t *testing.T) {
	volume := snapshots.Volume{Namespace: "kafka", Cluster: "kafka", Slot: "0:/kafka-logs"}
	claim := func(value string) claims.Claim {
		return claims.Claim{Volume: volume, PVC: snapshotstest.PlainClaim("claim").Annotate(v1alpha1.AnnotationRestore, value).Obj()}
	}
	in, out, wrong := claim(v1alpha1.ValueLatest), claim(v1alpha1.ValueOff), claim("nonsense")
	policies := claims.NewPolicies(snapshots.Cluster{})
	for range 2 {
		if policy, err := policies.Of(in); err != nil || !policy.OptedIn() {
			t.Errorf("opted in: %v, %v", policy, err)
		}
		if policy, err := policies.Of(out); err != nil || policy.OptedIn() {
			t.Errorf("opted out: %v, %v", policy, err)
		}
		if policy, err := policies.Of(wrong); err == nil {
			t.Errorf("nonsense: %v, no error", policy)
		}
	}
}
