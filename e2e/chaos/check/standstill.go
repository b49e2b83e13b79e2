package check

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/e2e/chaos/history"
)

// looked is how long before a deletion the scheduler may have looked at the claims:
// its process may have stood still since.
const looked = 30 * time.Second

// Nothing of a cluster is pruned while one of its claims is being restored.
var _ = register(Check{Name: "standstill", Run: func(h *history.History) []Violation {
	var found []Violation
	for _, r := range h.Writes {
		s := deletedBy(h, r)
		if s == nil {
			continue
		}
		before := s.Deleted().Revision - 1
		if last := s.Life.At(before); last == nil || !wasCut(last) || s.IsLost(before) {
			continue // nothing is lost with it, and it may keep its claim from going
		}
		if what := mustStay(h, s, r.Write.Began); what != "" {
			found = append(found, Violation{Namespace: s.Namespace, Volume: s.Volume.Key, Seq: r.Seq,
				What: fmt.Sprintf("%s deleted VolumeSnapshot %s, while %s", r.Write.Component, s.Name, what)})
		}
	}
	return found
}})

// mustStay says why nothing of the cluster of a snapshot could be pruned; empty: it
// could.
func mustStay(h *history.History, s *history.Snapshot, began time.Time) string {
	before := s.Deleted().Revision - 1
	for _, c := range h.Claims {
		if c.Namespace == s.Namespace && c.Source() != "" && c.Life.During(began.Add(-looked), before, func(pvc *corev1.PersistentVolumeClaim) bool {
			return pvc.Status.Phase == corev1.ClaimPending || pvc.Status.Phase == ""
		}) {
			return "claim " + c.Name + " was being restored"
		}
	}
	return ""
}
