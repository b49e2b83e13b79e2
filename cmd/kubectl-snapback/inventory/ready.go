package inventory

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// blocking are the reasons of the condition Ready for which no run is made at all.
var blocking = []string{v1alpha1.ReasonInvalidSpec, v1alpha1.ReasonClassNotFound, v1alpha1.ReasonSnapshotAPINotFound, v1alpha1.ReasonNoVolumes, v1alpha1.ReasonShadowed}

// CannotRun returns why no run of the KafkaBackup is made; empty if it can run.
func (b Backup) CannotRun() string {
	if b.Mistake != nil {
		return b.Mistake.Error()
	}
	if c := b.NotReady(); c != nil && c.ObservedGeneration == b.Generation && slices.Contains(blocking, c.Reason) {
		return c.Message
	}
	return ""
}

// NotReady returns the condition Ready if it is False, else nil.
func (b Backup) NotReady() *metav1.Condition {
	if c := meta.FindStatusCondition(b.Status.Conditions, v1alpha1.ConditionReady); c != nil && c.Status == metav1.ConditionFalse {
		return c
	}
	return nil
}

// NextRun returns, in words, when a KafkaBackup that is resumed or created now runs
// next.
func NextRun(kb *v1alpha1.KafkaBackup, now time.Time) string {
	times, err := snapshots.Times(kb)
	if err != nil {
		return fmt.Sprintf("It does not run: %v", err)
	}
	next := times.Since(now).Next(now)
	return fmt.Sprintf("Its next run is in %s, at %s", duration.HumanDuration(next.Sub(now)), next.Format(time.RFC3339))
}
