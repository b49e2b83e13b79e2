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
)

// pinAge is from when on a pin may have been forgotten.
const pinAge = 24 * time.Hour

// pins keeps the condition PinInForce.
func (r *Reconciler) pins(ctx context.Context, kb *v1alpha1.KafkaBackup, seen view) error {
	found, err := r.findPins(ctx, kb, seen)
	if err != nil {
		return err
	}
	forADay{v1alpha1.ConditionPinInForce, v1alpha1.ReasonPinSet, v1alpha1.ReasonPinForADay}.keep(kb, "Claims do not get the newest good snapshot: ", found,
		"Take off what has been there for more than a day, unless it is still meant", r.Clock.Now())
	return nil
}

// forADay is a condition that is False at first, and True after a day: what
// people have set may have been forgotten by then. An annotation carries no
// time: the condition's own transition is since when there is something to say.
type forADay struct{ condition, set, long string }

// keep sets the condition, or removes it if nothing is found.
func (f forADay) keep(kb *v1alpha1.KafkaBackup, text string, found []string, hint string, now time.Time) {
	if len(found) == 0 {
		meta.RemoveStatusCondition(&kb.Status.Conditions, f.condition)
		return
	}
	c := metav1.Condition{Type: f.condition, Status: metav1.ConditionFalse, Reason: f.set, ObservedGeneration: kb.Generation,
		LastTransitionTime: metav1.NewTime(now), Message: text + strings.Join(found, ", ")}
	before := meta.FindStatusCondition(kb.Status.Conditions, f.condition)
	if before != nil && (before.Status == metav1.ConditionTrue || now.Sub(before.LastTransitionTime.Time) >= pinAge) {
		c.Status, c.Reason = metav1.ConditionTrue, f.long
		c.Message += ". " + hint
	}
	meta.SetStatusCondition(&kb.Status.Conditions, c)
}

// findPins names the pins and where they are, in an order of their own.
func (r *Reconciler) findPins(ctx context.Context, kb *v1alpha1.KafkaBackup, seen view) ([]string, error) {
	var namespace corev1.Namespace
	if err := r.Client.Get(ctx, types.NamespacedName{Name: kb.Namespace}, &namespace); err != nil {
		return nil, fmt.Errorf("read namespace %s: %w", kb.Namespace, err)
	}
	var found []string
	before := func(annotations map[string]string, kind, name string) {
		if annotations[v1alpha1.AnnotationRestoreBefore] != "" {
			found = append(found, fmt.Sprintf("%s on %s %s", v1alpha1.AnnotationRestoreBefore, kind, name))
		}
	}
	before(namespace.Annotations, "namespace", namespace.Name)
	before(kb.Annotations, "KafkaBackup", kb.Name)
	all := slices.Clone(seen.own)
	for _, c := range seen.claims {
		before(c.PVC.Annotations, "claim", c.PVC.Name)
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
