package check

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/history"
)

// unreported is how long something may be wrong before a KafkaBackup says it, whatever
// faults there are.
const unreported = 2 * time.Minute

// These are reported: a restored claim whose volume was not made for it, and two live
// claims of one volume. (That no opted-in claim binds empty is a check of its own.)
var _ = register(Check{Name: "reported", Run: func(h *history.History) []Violation {
	var found []Violation
	for _, c := range h.Claims {
		if !toBeRestored(h, c) {
			continue
		}
		for _, w := range []wrong{otherVolume(h, c), duplicate(h, c)} {
			if w.what == "" || w.until.Sub(w.since) < unreported || isReported(h, c, w) {
				continue
			}
			found = append(found, Violation{Namespace: c.Namespace, Volume: c.Volume.Key, Seq: w.seq,
				What: fmt.Sprintf("claim %s (%s) %s for %s, and no KafkaBackup has said so", c.Name, c.UID, w.what, w.until.Sub(w.since).Round(time.Second))})
		}
	}
	return found
}})

// toBeRestored reports whether a claim was opted in when it was created, whatever is said
// of quorums.
func toBeRestored(h *history.History, c *history.Claim) bool {
	as := *c
	as.Volume.Controller = false
	return wished(h, &as) == v1alpha1.ValueLatest && !mayStartEmpty(h, c)
}

// wrong is what is wrong with a claim, since when, and until when; the zero value:
// nothing.
type wrong struct {
	what         string
	reason       string // of the condition that says it
	seq          int64
	since, until time.Time
}

// otherVolume is wrong if a restored claim is bound to a volume that was not made
// for it.
func otherVolume(h *history.History, c *history.Claim) wrong {
	for _, v := range c.Life {
		if v.Object == nil || v.Object.Status.Phase != corev1.ClaimBound || c.Source() == "" {
			continue
		}
		pv := first(h.Volumes[v.Object.Spec.VolumeName])
		if pv == nil || madeFor(pv, v.Object) {
			return wrong{}
		}
		return wrong{"had volume " + pv.Name + ", which was not made for it,", v1alpha1.ReasonRestoreNotHonoured, v.Seq, v.Time, ended(h, c)}
	}
	return wrong{}
}

// madeFor reports whether a provisioner has made a volume for a claim.
func madeFor(pv *corev1.PersistentVolume, pvc *corev1.PersistentVolumeClaim) bool {
	const provisioned, chosen = "pv.kubernetes.io/provisioned-by", "pv.kubernetes.io/bound-by-controller"
	if pv.Annotations[provisioned] == "" {
		return false
	}
	return pv.Name == "pvc-"+string(pvc.UID) || pv.Annotations[chosen] == "" && !pv.CreationTimestamp.Before(&pvc.CreationTimestamp)
}

// duplicate is wrong if another claim of the same volume lives beside a claim.
func duplicate(h *history.History, c *history.Claim) wrong {
	for _, other := range h.Claims {
		if other.Name == c.Name || other.Volume.Key != c.Volume.Key || !toBeRestored(h, other) {
			continue
		}
		w := wrong{"lived beside " + other.Name, string(v1alpha1.ReasonDuplicateVolume), c.First().Seq, c.First().Time, ended(h, c)}
		if other.First().Time.After(w.since) {
			w.since, w.seq = other.First().Time, other.First().Seq
		}
		if end := ended(h, other); end.Before(w.until) {
			w.until = end
		}
		if w.since.Before(w.until) {
			return w
		}
	}
	return wrong{}
}

// ended is when the deletion of a claim began, or else the end of the record.
func ended(h *history.History, c *history.Claim) time.Time {
	for _, v := range c.Life {
		if v.Object == nil || v.Object.DeletionTimestamp != nil {
			return v.Time
		}
	}
	return h.End
}

func first[T any](life *history.Life[T]) *T {
	if life == nil {
		return nil
	}
	return (*life)[0].Object
}

// isReported reports whether a KafkaBackup has named the claim with the reason while
// it was so.
func isReported(h *history.History, c *history.Claim, w wrong) bool {
	for key, life := range h.Backups {
		if !strings.HasPrefix(key, c.Namespace+"/") {
			continue
		}
		for _, v := range *life {
			if v.Object == nil || v.Time.Before(w.since) || v.Time.After(w.until) {
				continue
			}
			said := meta.FindStatusCondition(v.Object.Status.Conditions, v1alpha1.ConditionRestoresVerified)
			if said != nil && strings.Contains(said.Message, w.reason+" of claim "+c.Name) {
				return true
			}
		}
	}
	return false
}
