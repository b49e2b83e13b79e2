package snapshots

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Entry returns an entry of the history about the snapshot, which is in a namespace.
func (s *Snapshot) Entry(namespace string, kind v1alpha1.HistoryKind, reason string) v1alpha1.HistoryEntry {
	return v1alpha1.HistoryEntry{
		Kind: kind, Reason: reason, Namespace: namespace,
		Cluster: s.Annotations[v1alpha1.AnnotationClusterName], Volume: s.Annotations[v1alpha1.AnnotationSlot],
		Snapshot: s.Name, SnapshotUID: string(s.UID), Run: FormatRun(s.Scheduled), Backup: s.Annotations[v1alpha1.AnnotationBackupName],
		Claim: s.SourcePVC, ClaimUID: s.SourcePVCUID,
	}
}

// Entry returns an entry of the history about a claim of the volume. source is the
// snapshot that it is about too; nil: none.
func (v Volume) Entry(pvc *corev1.PersistentVolumeClaim, source *Snapshot, kind v1alpha1.HistoryKind, reason string) v1alpha1.HistoryEntry {
	e := v1alpha1.HistoryEntry{Kind: kind, Reason: reason, Namespace: v.Namespace}
	if source != nil {
		e = source.Entry(v.Namespace, kind, reason)
	}
	if e.Cluster, e.Volume = v.Cluster, v.Slot; e.Namespace == "" {
		e.Namespace = pvc.Namespace
	}
	if e.Claim, e.ClaimUID = pvc.Name, string(pvc.UID); e.Claim == "" {
		e.Claim = pvc.GenerateName
	}
	return e
}
