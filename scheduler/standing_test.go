package scheduler

import (
	"context"
	"errors"
	"slices"
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
	paused := standingConditions[slices.IndexFunc(standingConditions, func(s standing) bool { return s.condition == v1alpha1.ConditionPaused })]
	kb := snapshotstest.NewBackup("b", "kafka", "class").Obj()
	expect := func(status metav1.ConditionStatus, says string) {
		t.Helper()
		paused.keep(kb, pauses(kb), clock.Now())
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
	expect(metav1.ConditionTrue, "end the pause")
	clock.Advance(time.Hour)
	expect(metav1.ConditionTrue, "end the pause")
	kb.Annotations = nil
	paused.keep(kb, pauses(kb), clock.Now())
	if c := meta.FindStatusCondition(kb.Status.Conditions, v1alpha1.ConditionPaused); c != nil {
		t.Errorf("it is not paused: %+v", c)
	}
}

// TestStandingConditions compares the table with the reasons that conditions can
// have.
func TestStandingConditions(t *testing.T) {
	inTable := map[string][]string{}
	for _, s := range standingConditions {
		if inTable[s.condition] != nil {
			t.Errorf("%s is twice in the table", s.condition)
		}
		inTable[s.condition] = []string{s.reason}
		if s.forADay != "" {
			inTable[s.condition] = append(inTable[s.condition], s.forADay)
		}
	}
	for condition, reasons := range v1alpha1.ConditionReasons {
		if slices.Contains([]string{v1alpha1.ConditionReady, v1alpha1.ConditionRestoresVerified, v1alpha1.ConditionKafkaObserved, v1alpha1.ConditionBackupsProven}, condition) {
			continue // they are set elsewhere
		}
		if !slices.Equal(inTable[condition], reasons) {
			t.Errorf("%s has the reasons %v, in the table %v", condition, reasons, inTable[condition])
		}
		delete(inTable, condition)
	}
	if len(inTable) > 0 {
		t.Errorf("conditions without reasons: %v", inTable)
	}
}

// TestKeepStanding checks that an error without names leaves a condition as it is,
// and that names beside an error are used.
func TestKeepStanding(t *testing.T) {
	all := standingConditions
	defer func() { standingConditions = all }()
	var found []string
	var unknown error
	standingConditions = []standing{{condition: v1alpha1.ConditionTooSmall, reason: v1alpha1.ReasonAsksForLess, text: "these",
		find: func(context.Context, *examination) ([]string, error) { return found, unknown }}}
	e := &examination{kb: snapshotstest.NewBackup("b", "kafka", "class").Obj(), now: ten}
	expect := func(what, message string) {
		t.Helper()
		if err := e.keepStanding(t.Context()); !errors.Is(err, unknown) {
			t.Errorf("%s: error %v, want %v", what, err, unknown)
		}
		c := meta.FindStatusCondition(e.kb.Status.Conditions, v1alpha1.ConditionTooSmall)
		if (c != nil) != (message != "") || c != nil && (c.Message != message || c.Status != metav1.ConditionTrue || c.Reason != v1alpha1.ReasonAsksForLess) {
			t.Errorf("%s: %+v", what, c)
		}
	}
	found = []string{"a", "b", "c", "d", "e", "f"}
	expect("many", "these: a, b, c, d, e, and 1 more")
	found, unknown = nil, errors.New("away")
	expect("nobody can tell", "these: a, b, c, d, e, and 1 more")
	found = []string{"a"}
	expect("known in part", "these: a")
	found, unknown = nil, nil
	expect("nothing", "")
}
