package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

// overdue is how late a run may start before it is reported.
const overdue = 5 * time.Minute

func checkBackups(_ context.Context, e *examination) ([]Finding, error) {
	var findings []Finding
	for _, b := range e.inventory.Backups {
		findings = append(findings, judgeBackup(b, e.now())...)
	}
	return unless(findings, warning("", "there is no KafkaBackup: nothing is backed up", "create one in the namespace of each Kafka cluster")), nil
}

// judgeBackup judges the status that the scheduler wrote, or its absence.
func judgeBackup(b inventory.Backup, now time.Time) []Finding {
	subject := subjectOf(b)
	object := objectOf(b)
	if b.Mistake != nil {
		return []Finding{problem(subject, "it is not in force: "+b.Mistake.Error(), "kubectl edit "+object)}
	}
	var findings []Finding
	if b.Spec.Suspend {
		findings = append(findings, warning(subject, "it is suspended: no runs are made; the last one that succeeded is "+ago(b.Status.LastSuccessfulTime, now), "set spec.suspend to false when you are done: kubectl edit "+object))
	}
	if reason, frozen := b.Annotations[v1alpha1.AnnotationFreeze]; frozen {
		findings = append(findings, warning(subject, fmt.Sprintf("it is frozen, nothing is pruned: %q", reason), fmt.Sprintf("when you are done: kubectl annotate %s %s-", object, v1alpha1.AnnotationFreeze)))
	}
	next := b.Status.NextScheduleTime
	switch {
	case b.Spec.Suspend:
	case next == nil && now.Sub(b.CreationTimestamp.Time) > overdue:
		findings = append(findings, problem(subject, "the scheduler has not planned a run of it", "see the check \"scheduler\", and kubectl describe "+object))
	case next != nil && now.Sub(next.Time) > overdue:
		findings = append(findings, problem(subject, "its run was due "+duration.HumanDuration(now.Sub(next.Time))+" ago, but was not made", "see the check \"scheduler\""))
	}
	for _, c := range b.Status.Conditions {
		if f, said := judgeCondition(subject, object, c); said {
			findings = append(findings, f)
		}
	}
	return unless(findings, ok(subject, "it runs %s; the last run that succeeded is %s", b.Spec.Schedule, ago(b.Status.LastSuccessfulTime, now)))
}

// objectOf returns how kubectl is told of a KafkaBackup.
func objectOf(b inventory.Backup) string {
	resource := "kbak"
	if b.Parsed.IsConfigMap {
		resource = "configmap"
	}
	return fmt.Sprintf("%s %s -n %s", resource, b.Name, b.Namespace)
}

// judgeCondition returns the finding for a condition that shows a problem: Ready
// or RestoresVerified if it is False, or another one if it is True. Suspended,
// NotIntercepted, KafkaObserved and BackupsProven have their own checks.
func judgeCondition(subject, object string, c metav1.Condition) (Finding, bool) {
	text := c.Type + ", " + c.Reason + ": " + strings.Join(strings.Fields(c.Message), " ")
	do := "kubectl describe " + object
	switch {
	case c.Reason == v1alpha1.ReasonSuspended, c.Type == v1alpha1.ConditionNotIntercepted, c.Type == v1alpha1.ConditionKafkaObserved, c.Type == v1alpha1.ConditionBackupsProven:
		return Finding{}, false
	case c.Type == v1alpha1.ConditionReady && c.Status == metav1.ConditionFalse:
		return problem(subject, "not "+text, do), true
	case c.Type == v1alpha1.ConditionRestoresVerified && c.Status == metav1.ConditionFalse:
		return problem(subject, "not "+text, do), true
	case c.Type != v1alpha1.ConditionReady && c.Type != v1alpha1.ConditionRestoresVerified && meta.IsStatusConditionTrue([]metav1.Condition{c}, c.Type):
		return warning(subject, text, do), true
	}
	return Finding{}, false
}

func ago(t *metav1.Time, now time.Time) string {
	if t == nil {
		return "none"
	}
	return "of " + duration.HumanDuration(now.Sub(t.Time)) + " ago"
}
