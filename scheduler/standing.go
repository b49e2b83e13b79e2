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

// forgottenAfter is how long people may have set something before it may have
// been forgotten.
const forgottenAfter = 24 * time.Hour

// standing is a condition that is there only while there is something to say.
type standing struct {
	condition string
	reason    string
	forADay   string // the reason after a day; empty: the condition is True at once, else only then
	text      string // what is said, before the names
	hint      string // what is added after a day

	// find names what the condition is true of. Names beside an error are those
	// that are known all the same; without any, the condition stays as it is.
	find func(context.Context, *examination) ([]string, error)
}

// standingConditions are all of them. Ready and RestoresVerified, which are always
// there, are set apart.
var standingConditions = []standing{
	{
		condition: v1alpha1.ConditionPaused, reason: v1alpha1.ReasonPauseSet, forADay: v1alpha1.ReasonPausedForADay,
		text: "People have paused this KafkaBackup",
		hint: "That has been so for a day: end it, unless it is still meant",
		find: findPauses,
	},
	{
		condition: v1alpha1.ConditionNotIntercepted, reason: v1alpha1.ReasonNoEntryMatches,
		text: "no entry of Snapback's MutatingWebhookConfiguration matches these claims: lost, they would come back empty. " +
			"Check that it is installed, and the label " + v1alpha1.LabelIntercept + " of the namespace",
		find: findUnmatched,
	},
	{
		condition: v1alpha1.ConditionQuorumUndecided, reason: v1alpha1.ReasonCombinedNodes,
		text: "these claims are of combined nodes, which hold votes: lost, they would be refused until somebody decides. " +
			"Set the annotation " + v1alpha1.AnnotationRestoreQuorum + " to \"true\" or \"empty\"",
		find: findUndecided,
	},
	{
		condition: v1alpha1.ConditionTooSmall, reason: v1alpha1.ReasonAsksForLess,
		text: "these claims, if they were lost and created again with the size that their creator asks for, would be too small for their snapshots: " +
			"refused, or empty where " + v1alpha1.AnnotationRestoreUnusable + " says so. " +
			"Raise the size to what is needed: with Strimzi in the node pool's storage, with Koperator in the storageConfig's pvcSpec; " +
			"the volumeClaimTemplates of a StatefulSet cannot be changed, so delete it with --cascade=orphan and create it again with the larger size",
		find: findOutgrown,
	},
	{
		condition: v1alpha1.ConditionUnprovenLineage, reason: v1alpha1.ReasonCameBackEmpty,
		text: "these claims came back empty while snapshots of their volumes exist; those are kept, and restored from. " +
			"If the data of a claim is good, annotate it with " + v1alpha1.AnnotationPromote + "=true; else delete the claim and its pod",
		find: func(_ context.Context, e *examination) ([]string, error) { return e.unproven, e.unprovenErr },
	},
	{
		condition: v1alpha1.ConditionPinInForce, reason: v1alpha1.ReasonPinSet, forADay: v1alpha1.ReasonPinForADay,
		text: "Claims do not get the newest good snapshot",
		hint: "Take off what has been there for more than a day, unless it is still meant",
		find: findPins,
	},
	{
		condition: v1alpha1.ConditionSnapshotUnreadable, reason: v1alpha1.ReasonMetadataChanged,
		text: "labels or annotations of these VolumeSnapshots were changed, so that they cannot be read: claims do not get them, " +
			"and a claim whose volume has no other is refused. Correct them, or delete them",
		find: findSpoilt,
	},
}

// examination is what the standing conditions are found by.
type examination struct {
	*Reconciler // reads more
	kb          *v1alpha1.KafkaBackup
	seen        view
	now         time.Time

	unproven    []string // claims that came back empty
	unprovenErr error    // why some are missing; without any, none is known
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

// keep sets the condition, or removes it if it is true of nothing. An annotation
// carries no time: the condition's own transition is since when there has been
// something to say.
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
