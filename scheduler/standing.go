package scheduler

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/texts"
	"github.com/snapback-dev/snapback/snapshots"
)

// forgottenAfter is the time after which a setting may have been forgotten by the
// person who made it.
const forgottenAfter = 24 * time.Hour

// standing is a condition that a KafkaBackup has only while there is something to
// report.
type standing struct {
	condition string
	reason    string
	forADay   string // the reason after a day, when the condition becomes True; empty: it is True at once
	text      string // the message, before the names
	hint      string // added to the message after a day

	// find names the objects that the condition is true for. It may return both
	// names and an error: then these names are known in spite of the error. With an
	// error and no names the condition stays as it is.
	find func(context.Context, *examination) ([]string, error)
}

// standingConditions are all standing conditions. Ready and RestoresVerified, which
// every KafkaBackup has, KafkaObserved, which each with spec.kafka has, and
// BackupsProven, which each with spec.drill has, are set elsewhere.
var standingConditions = []standing{
	{
		condition: v1alpha1.ConditionPaused, reason: v1alpha1.ReasonPauseSet, forADay: v1alpha1.ReasonPausedForADay,
		text: "People have paused this KafkaBackup",
		hint: "It has been paused for more than a day: end the pause, unless you still want it",
		find: findPauses,
	},
	{
		condition: v1alpha1.ConditionNotIntercepted, reason: v1alpha1.ReasonNoEntryMatches,
		text: "no entry of Snapback's MutatingWebhookConfiguration matches these claims: if they were lost, they would come back empty. " +
			"Check that it is installed, and the label " + v1alpha1.LabelIntercept + " of the namespace",
		find: findUnmatched,
	},
	{
		condition: v1alpha1.ConditionQuorumUndecided, reason: v1alpha1.ReasonCombinedNodes,
		text: "these claims are of combined nodes, which vote in the quorum: if they were lost, they would be refused until somebody decides. " +
			"Set the annotation " + v1alpha1.AnnotationRestoreQuorum + " to \"true\" or \"empty\"",
		find: findUndecided,
	},
	{
		condition: v1alpha1.ConditionTooSmall, reason: v1alpha1.ReasonAsksForLess,
		text: "these claims, if they were lost and created again with the size that their creator asks for, would be too small for their snapshots: " +
			"refused, or empty where " + v1alpha1.AnnotationRestoreUnusable + " says so. " +
			"Raise the size to what the snapshots need: with Strimzi in the node pool's storage, with Koperator in the storageConfig's pvcSpec; " +
			"the volumeClaimTemplates of a StatefulSet cannot be changed, so delete it with --cascade=orphan and create it again with the larger size",
		find: findOutgrown,
	},
	{
		condition: v1alpha1.ConditionUnprovenLineage, reason: v1alpha1.ReasonCameBackEmpty,
		text: "these claims came back empty although snapshots of their volumes exist; those snapshots are kept, and restores use them. " +
			"If the data of a claim is good, annotate it with " + v1alpha1.AnnotationPromote + "=true; if not, delete the claim and its pod",
		find: func(_ context.Context, e *examination) ([]string, error) { return e.unproven, e.unprovenErr },
	},
	{
		condition: v1alpha1.ConditionPinInForce, reason: v1alpha1.ReasonPinSet, forADay: v1alpha1.ReasonPinForADay,
		text: "Claims do not get the newest good snapshot",
		hint: "Remove the pins that have been set for more than a day, unless you still want them",
		find: findPins,
	},
	{
		condition: v1alpha1.ConditionSnapshotUnreadable, reason: v1alpha1.ReasonMetadataChanged,
		text: "labels or annotations of these VolumeSnapshots were changed, so that they cannot be read: claims are not restored from them, " +
			"and a claim whose volume has no other snapshot is refused. Correct the VolumeSnapshots, or delete them",
		find: findSpoilt,
	},
	{
		condition: v1alpha1.ConditionRetentionLocked, reason: v1alpha1.ReasonLockedLonger,
		text: "the storage refuses to delete snapshots of this VolumeSnapshotClass for longer than the retention keeps them: " +
			"they stay until their locks have ended, and cost what they take. " +
			"Raise the retention to at least what the lock lasts, or name a class with a shorter lock",
		find: findLocked,
	},
	{
		condition: v1alpha1.ConditionDeletionStuck, reason: v1alpha1.ReasonNotDeletedForAnHour,
		text: "the deletion of these VolumeSnapshots was asked for more than an hour ago, and they are still there: claims are not restored from them, " +
			"and one that is not ready keeps its own claim from being deleted. \"kubectl describe volumesnapshotcontent\" may say why: " +
			"a locked one goes when its lock has ended, one that a Pending claim waits for when that claim is deleted, " +
			"others often when the snapshot-controller and the csi-snapshotter sidecar of the driver are restarted",
		find: findUndeleted,
	},
}

// examination is the input of the standing conditions.
type examination struct {
	*Reconciler // for further reads
	kb          *v1alpha1.KafkaBackup
	seen        view
	now         time.Time

	restorable  []restorable // see [examination.optedIn]
	unproven    []string     // claims that came back empty
	unprovenErr error        // why some of them are missing; if unproven is nil, why none is known
}

// keepStanding brings the standing conditions of the KafkaBackup up to date.
func (e *examination) keepStanding(ctx context.Context) error {
	var errs []error
	for _, s := range standingConditions {
		found, err := s.find(ctx, e)
		if err == nil || found != nil {
			s.keep(e.kb, found, e.now)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// keep sets the condition, or removes it if nothing was found. An annotation
// carries no time, so the condition's own transition time shows since when there
// is something to report.
func (s standing) keep(kb *v1alpha1.KafkaBackup, found []string, now time.Time) {
	if len(found) == 0 {
		meta.RemoveStatusCondition(&kb.Status.Conditions, s.condition)
		return
	}
	c := metav1.Condition{Type: s.condition, Status: metav1.ConditionTrue, Reason: s.reason, ObservedGeneration: kb.Generation,
		LastTransitionTime: metav1.NewTime(now), Message: s.text + ": " + snapshots.FirstOf(found, texts.MaxNamed, ", ")}
	if s.forADay != "" {
		before := meta.FindStatusCondition(kb.Status.Conditions, s.condition)
		if before != nil && (before.Status == metav1.ConditionTrue || now.Sub(before.LastTransitionTime.Time) >= forgottenAfter) {
			c.Reason, c.Message = s.forADay, c.Message+". "+s.hint
		} else {
			c.Status = metav1.ConditionFalse
		}
	}
	meta.SetStatusCondition(&kb.Status.Conditions, c)
}
