package verify

import (
	"cmp"
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/texts"
	"github.com/snapback-dev/snapback/snapshots"
)

const (
	action = "Verify" // the action that Events name

	reasonProvisioningFailed = "ProvisioningFailed" // reason of the provisioner's Events

	maxQuoted = 600 // bytes that are quoted of the provisioner's text: an Event holds 1024
)

// warn leaves an Event about a finding on its claim, once.
func (v *Verifier) warn(ctx context.Context, f Finding) {
	if !v.Memory.note(f.PVC, f.Reason) {
		return
	}
	text := f.Text
	if f.Reason == v1alpha1.ReasonRestoreStuck {
		text += ": " + v.provisioningError(ctx, f.PVC)
	}
	log.FromContext(ctx).Info("restore needs attention", "namespace", f.PVC.Namespace, "claim", f.PVC.Name, "uid", f.PVC.UID, "reason", f.Reason, "text", text)
	v.Recorder.Eventf(f.PVC, nil, corev1.EventTypeWarning, f.Reason, action, "%s", text)
	entry := f.Volume.Entry(f.PVC, nil, v1alpha1.HistoryFound, f.Reason)
	entry.Message = text
	v.History.Record(entry)
}

// announce leaves one Event on the claim and one on the KafkaBackup: the claim was
// restored. It reports whether the one on the KafkaBackup is new.
func (v *Verifier) announce(kb *v1alpha1.KafkaBackup, s subject) bool {
	if v.Memory.note(s.PVC, string(v1alpha1.ReasonRestored)) {
		v.recordVerified(s)
		v.Recorder.Eventf(s.PVC, nil, corev1.EventTypeNormal, string(v1alpha1.ReasonRestored), action,
			"Restored from VolumeSnapshot %s into PersistentVolume %s", snapshots.SourceOf(s.PVC), s.pv.Name)
	}
	if !v.Memory.note(s.PVC, string(v1alpha1.ReasonRestored)+"/"+string(kb.UID)) {
		return false
	}
	// Without the claim as related object, the Events of several claims would be merged into one.
	v.Recorder.Eventf(kb, s.PVC, corev1.EventTypeNormal, string(v1alpha1.ReasonRestored), action,
		"Claim %s was restored from VolumeSnapshot %s", s.PVC.Name, snapshots.SourceOf(s.PVC))
	return true
}

// provisioningError returns the provisioner's text about why a claim is not
// filled, or where to look for one.
func (v *Verifier) provisioningError(ctx context.Context, pvc *corev1.PersistentVolumeClaim) string {
	var list eventsv1.EventList
	err := v.APIReader.List(ctx, &list, client.InNamespace(pvc.Namespace), client.MatchingFields{
		"regarding.uid": string(pvc.UID), "reason": reasonProvisioningFailed, "type": corev1.EventTypeWarning})
	if err != nil {
		log.FromContext(ctx).Error(err, "cannot list the Events of a claim", "namespace", pvc.Namespace, "claim", pvc.Name)
		return "its other Events may say why"
	}
	note := newestNote(list.Items)
	if note == "" {
		return "its provisioner has not said why; a claim of a WaitForFirstConsumer class waits for its pod to be scheduled"
	}
	return texts.FirstBytes(note, maxQuoted)
}

// newestNote is the text of the newest Event; empty without Events. Older
// recorders write the time of an Event into deprecated fields.
func newestNote(list []eventsv1.Event) string {
	last := func(e eventsv1.Event) time.Time {
		latest := e.CreationTimestamp.Time
		if e.Series != nil && e.Series.LastObservedTime.After(latest) {
			latest = e.Series.LastObservedTime.Time
		}
		if e.DeprecatedLastTimestamp.After(latest) {
			latest = e.DeprecatedLastTimestamp.Time
		}
		return latest
	}
	if len(list) == 0 {
		return ""
	}
	return slices.MaxFunc(list, func(a, b eventsv1.Event) int {
		return cmp.Or(last(a).Compare(last(b)), cmp.Compare(a.Name, b.Name))
	}).Note
}
