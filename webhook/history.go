package webhook

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// remember records the decision about a claim, and returns the ID of the entry; empty:
// the claim is of no interest, as one of a volume without snapshots that starts empty.
func (h *Handler) remember(req admission.Request, pvc *corev1.PersistentVolumeClaim, v verdict, d snapshots.Decision) string {
	kind, ok := kindOf(v, d)
	if !ok || h.History == nil {
		return ""
	}
	volume := v.volume
	volume.Namespace = req.Namespace
	e := volume.Entry(pvc, d.Snapshot, kind, string(d.Reason))
	e.Cluster = v.clusterName()
	if len(v.backups) == 1 && e.Backup == "" {
		e.Backup = v.backups[0].Name
	}
	e.Admission, e.Actor, e.Message = string(req.UID), req.UserInfo.Username, d.Message
	if d.Pin != "" {
		e.Message += "; chosen by " + d.Pin
	}
	if len(v.backups) == 0 && len(v.known) == 0 { // the claim alone says that there is such a cluster
		return h.History.Log(e)
	}
	return h.History.Record(e)
}

// kindOf returns the kind of a decision. It reports false for a claim that is let
// through, unless its volume has snapshots, or nobody could see whether it has.
func kindOf(v verdict, d snapshots.Decision) (v1alpha1.HistoryKind, bool) {
	switch {
	case d.Outcome == v1alpha1.OutcomeRestore:
		return v1alpha1.HistoryRestored, true
	case d.Outcome != v1alpha1.OutcomeAllow:
		return v1alpha1.HistoryRefused, true
	}
	return v1alpha1.HistoryStartedEmpty, d.Reason == v1alpha1.ReasonInternal || len(v.known) > 0
}

// clusterName returns the Kafka cluster of the claim, also if its volume is in doubt;
// empty: it is not known.
func (v verdict) clusterName() string {
	if v.volume.Cluster != "" {
		return v.volume.Cluster
	}
	named := func(s snapshots.Snapshot) bool { return s.Annotations[v1alpha1.AnnotationClusterName] != "" }
	if i := slices.IndexFunc(v.known, named); i >= 0 {
		return v.known[i].Annotations[v1alpha1.AnnotationClusterName]
	}
	if len(v.backups) > 0 {
		return v.backups[0].Cluster
	}
	return ""
}
