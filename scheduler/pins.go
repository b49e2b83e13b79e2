package scheduler

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// pinAge is from when on a pin may have been forgotten.
const pinAge = 24 * time.Hour

// pins keeps the condition PinInForce. An annotation carries no time: the
// condition's own transition is since when there are pins.
func (r *Reconciler) pins(ctx context.Context, kb *v1alpha1.KafkaBackup, seen view) error {
	found, err := r.findPins(ctx, kb, seen)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		meta.RemoveStatusCondition(&kb.Status.Conditions, conditionPin)
		return nil
	}
	now := r.Clock.Now()
	c := metav1.Condition{Type: conditionPin, Status: metav1.ConditionFalse, Reason: reasonPinSet, ObservedGeneration: kb.Generation,
		LastTransitionTime: metav1.NewTime(now), Message: "Claims do not get the newest good snapshot: " + strings.Join(found, ", ")}
	before := meta.FindStatusCondition(kb.Status.Conditions, conditionPin)
	if before != nil && (before.Status == metav1.ConditionTrue || now.Sub(before.LastTransitionTime.Time) >= pinAge) {
		c.Status, c.Reason = metav1.ConditionTrue, reasonPinForDay
		c.Message += ". Take off what has been there for more than a day, unless it is still meant"
	}
	meta.SetStatusCondition(&kb.Status.Conditions, c)
	return nil
}

// findPins names the pins and where they are, in an order of their own.
func (r *Reconciler) findPins(ctx context.Context, kb *v1alpha1.KafkaBackup, seen view) ([]string, error) {
	var namespace corev1.Namespace
	if err := r.Client.Get(ctx, types.NamespacedName{Name: kb.Namespace}, &namespace); err != nil {
		return nil, fmt.Errorf("read namespace %s: %w", kb.Namespace, err)
	}
	var found []string
	before := func(annotations map[string]string, kind, name string) {
		if annotations[snapshots.AnnotationRestoreBefore] != "" {
			found = append(found, fmt.Sprintf("%s on %s %s", snapshots.AnnotationRestoreBefore, kind, name))
		}
	}
	before(namespace.Annotations, "namespace", namespace.Name)
	before(kb.Annotations, "KafkaBackup", kb.Name)
	all := slices.Clone(seen.own)
	for _, c := range seen.claims {
		before(c.pvc.Annotations, "claim", c.pvc.Name)
		history, err := r.history(ctx, c)
		if err != nil {
			return nil, err
		}
		all = append(all, history...)
	}
	for _, s := range all {
		for _, pin := range s.Pins(r.Clock.Now()) {
			found = append(found, fmt.Sprintf("%s on VolumeSnapshot %s", pin, s.Name))
		}
	}
	slices.Sort(found)
	found = slices.Compact(found)
	if more := len(found) - maxNamed; more > 0 {
		found = append(found[:maxNamed], fmt.Sprintf("and %d more", more))
	}
	return found, nil
}
