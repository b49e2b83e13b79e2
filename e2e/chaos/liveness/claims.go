package liveness

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// refusedLately is how old the last refusal of a claim may be that an operator tries
// again to create.
const refusedLately = time.Minute

// Each volume has a claim that is bound, or one that was refused with a reason.
var _ = register(Check{Name: "claims", Run: func(s State) []string {
	var wrong []string
	for _, c := range s.Layout.Clusters {
		for _, v := range c.Volumes {
			claims := s.Claims[v.Key]
			for _, claim := range claims {
				if claim.Status.Phase != corev1.ClaimBound || claim.DeletionTimestamp != nil {
					wrong = append(wrong, fmt.Sprintf("claim %s/%s is %s (deleted: %v)", claim.Namespace, claim.Name, claim.Status.Phase, claim.DeletionTimestamp))
				}
			}
			a := s.Answers[v.Key]
			if len(claims) == 0 && (a.Allowed || a.Message == "" || s.Now.Sub(a.Began) > refusedLately) {
				wrong = append(wrong, fmt.Sprintf("volume %s has no claim, and none was refused lately: %s", v.Key, a.Message))
			}
		}
	}
	return wrong
}})
