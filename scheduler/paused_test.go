package scheduler

import (
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestPaused follows a KafkaBackup that is suspended, then frozen too, for more
// than a day in all, and then neither.
func TestPaused(t *testing.T) {
	clock := clockwork.NewFakeClockAt(ten)
	r := &Reconciler{Clock: clock}
	kb := snapshotstest.NewBackup("b", "kafka", "class").Obj()
	expect := func(status metav1.ConditionStatus, says string) {
		t.Helper()
		r.paused(kb)
		c := meta.FindStatusCondition(kb.Status.Conditions, v1alpha1.ConditionPaused)
		if c == nil || c.Status != status || !strings.Contains(c.Message, says) {
			t.Errorf("%s that says %q expected: %+v", status, says, c)
		}
	}
	kb.Spec.Suspend = true
	expect(metav1.ConditionFalse, "spec.suspend")
	clock.Advance(23 * time.Hour)
	kb.Spec.Suspend, kb.Annotations = false, map[string]string{v1alpha1.AnnotationFreeze: "INC-1"}
	expect(metav1.ConditionFalse, v1alpha1.AnnotationFreeze)
	clock.Advance(time.Hour)
	expect(metav1.ConditionTrue, "end it")
	clock.Advance(time.Hour)
	expect(metav1.ConditionTrue, "end it")
	kb.Annotations = nil
	r.paused(kb)
	if c := meta.FindStatusCondition(kb.Status.Conditions, v1alpha1.ConditionPaused); c != nil {
		t.Errorf("it is not paused: %+v", c)
	}
}
