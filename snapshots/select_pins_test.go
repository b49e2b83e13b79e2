package snapshots_test

import (
	"testing"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func stampedTime(t time.Time) string { return t.Format(time.RFC3339) }

// ready is a good snapshot of so long ago.
func ready(age time.Duration) *snapshotstest.Snapshot { return snapshotOf(ago(age)).Ready() }

func pinned(annotation, value string) *snapshotstest.Claim {
	return optedIn().Annotate(annotation, value)
}

var (
	next       = ready(3*hour).Annotate(v1alpha1.AnnotationRestoreNext, "true")
	wrongNext  = ready(3*hour).Annotate(v1alpha1.AnnotationRestoreNext, "yes")
	emptyUntil = ready(3*hour).Annotate(v1alpha1.AnnotationStartEmptyUntil, stampedTime(now.Add(time.Minute)))
	emptyPast  = ready(3*hour).Annotate(v1alpha1.AnnotationStartEmptyUntil, stampedTime(now))
	emptyWrong = ready(3*hour).Annotate(v1alpha1.AnnotationStartEmptyUntil, "tomorrow")
	abandoned  = ready(hour/2).Annotate(v1alpha1.AnnotationAbandoned, "")
	pruning    = ready(hour/2).Annotate(v1alpha1.AnnotationPruning, stampedTime(now))
	unproven   = ready(hour/2).Lineage("second", false)
	promoted   = ready(hour/4).Lineage("second", true)
	elsewhere  = ready(hour/2).Annotate(v1alpha1.AnnotationKafkaClusterID, "another")
	recreated  = ready(hour/2).Annotate(v1alpha1.AnnotationClusterUID, "another")
)

var pins = []decision{
	{name: "before a time", claim: pinned(v1alpha1.AnnotationRestoreBefore, stampedTime(ago(hour+time.Minute))), all: list(newest, older, oldest), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: older},
	{name: "at a time", claim: pinned(v1alpha1.AnnotationRestoreBefore, stampedTime(ago(hour))), all: list(newest, older), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: newest},
	{name: "nothing before", claim: pinned(v1alpha1.AnnotationRestoreBefore, stampedTime(ago(9*hour))), all: list(newest, older), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonNothingBefore, says: []string{v1alpha1.AnnotationRestoreBefore}},
	{name: "nothing before, to start empty", claim: pinned(v1alpha1.AnnotationRestoreBefore, stampedTime(ago(9*hour))).Annotate(v1alpha1.AnnotationRestoreUnusable, "empty"), all: list(newest), outcome: v1alpha1.OutcomeAllow, reason: v1alpha1.ReasonNothingBefore, says: []string{"EMPTY"}},
	{name: "before no time", claim: pinned(v1alpha1.AnnotationRestoreBefore, "yesterday"), all: list(newest), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonInvalidAnnotation, says: []string{"yesterday"}},

	{name: "the next one", claim: optedIn(), all: list(newest, next), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: next},
	{name: "the next one outranks another pin", claim: pinned(v1alpha1.AnnotationRestoreBefore, stampedTime(ago(9*hour))), all: list(newest, next), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: next},
	{name: "the next one does not fit", claim: optedIn().Request("512Mi"), all: list(newest, next), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonTooSmall},
	{name: "the next one, misspelt", claim: optedIn(), all: list(newest, wrongNext), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonInvalidAnnotation, says: []string{v1alpha1.AnnotationRestoreNext, `"yes"`}},
	{name: "the next one of a quorum volume", claim: member(), all: list(newest, next), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: next},
	{name: "the next one of a quorum volume that may start empty", claim: member(), from: onBackup(v1alpha1.AnnotationRestoreQuorum, "empty"), all: list(newest, next), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: next},
	{name: "the next one of a quorum volume, opted out", claim: member().Annotate(v1alpha1.AnnotationRestore, "off"), all: list(next), outcome: v1alpha1.OutcomeAllow, reason: v1alpha1.ReasonOptedOut},
	{name: "before a time, of a quorum volume", claim: member().Annotate(v1alpha1.AnnotationRestoreBefore, stampedTime(now)), all: list(newest), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonQuorumUndecided},
	{name: "the next one, opted out", claim: pinned(v1alpha1.AnnotationRestore, "off"), all: list(next), outcome: v1alpha1.OutcomeAllow, reason: v1alpha1.ReasonOptedOut},

	{name: "empty until later", claim: optedIn(), all: list(newest, emptyUntil), outcome: v1alpha1.OutcomeAllow, reason: v1alpha1.ReasonOptedOut, says: []string{"EMPTY", emptyUntil.Obj().Name}},
	{name: "empty until now", claim: optedIn(), all: list(newest, emptyPast), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: newest},
	{name: "empty until no time", claim: optedIn(), all: list(newest, emptyWrong), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonInvalidAnnotation, says: []string{"tomorrow"}},

	{name: "young enough", claim: pinned(v1alpha1.AnnotationRestoreMaxAge, "1h"), all: list(newest), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: newest},
	{name: "too old", claim: pinned(v1alpha1.AnnotationRestoreMaxAge, "59m"), all: list(newest), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonTooOld, says: []string{"59m", "2026-03-01T11:00:00Z"}},
	{name: "too old, to start empty", claim: pinned(v1alpha1.AnnotationRestoreMaxAge, "59m").Annotate(v1alpha1.AnnotationRestoreUnusable, "empty"), all: list(newest), outcome: v1alpha1.OutcomeAllow, reason: v1alpha1.ReasonTooOld, says: []string{"EMPTY"}},
	{name: "no age", claim: pinned(v1alpha1.AnnotationRestoreMaxAge, "-1h"), all: list(newest), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonInvalidAnnotation},

	{name: "abandoned passed over", claim: optedIn(), all: list(abandoned, newest), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: newest},
	{name: "only an abandoned one: never empty", claim: optedIn(), all: list(abandoned), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: abandoned},
	{name: "being pruned", claim: optedIn(), all: list(pruning, newest), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: newest},
	{name: "of an unproven lineage", claim: optedIn(), all: list(unproven, newest), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: newest},
	{name: "of a lineage that is proven by now", claim: optedIn(), all: list(promoted, unproven, newest), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: promoted},
	{name: "only of an unproven lineage: never empty", claim: optedIn(), all: list(unproven), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: unproven},
}

func TestPins(t *testing.T) {
	for _, test := range pins {
		t.Run(test.name, func(t *testing.T) { test.check(t) })
	}
}

func TestOtherCluster(t *testing.T) {
	for name, test := range map[string]struct {
		all     []*snapshotstest.Snapshot
		accept  bool
		outcome v1alpha1.Outcome
		reason  v1alpha1.Reason
		get     *snapshotstest.Snapshot
	}{
		"only of another":           {all: list(elsewhere), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonOtherCluster},
		"only of another, accepted": {all: list(elsewhere), accept: true, outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, get: elsewhere},
		"of another resource":       {all: list(recreated), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonOtherCluster},
		"of both":                   {all: list(elsewhere, newest), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, get: newest},
		"not known":                 {all: list(newest), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, get: newest},
	} {
		claim := asked(t, optedIn(), driver)
		claim.Volume.KafkaClusterID, claim.Volume.ClusterUID = "ours", "ours"
		policy := snapshots.Policy{v1alpha1.AnnotationRestore: latest}
		if test.accept {
			policy[v1alpha1.AnnotationRestoreOtherCluster] = "true"
		}
		want := ""
		if test.get != nil {
			want = test.get.Obj().Name
		}
		got := selected(claim, policy, snapshots.Around{}, readAll(t, test.all...), now)
		if got.Outcome != test.outcome || got.Reason != test.reason || got.SnapshotName() != want {
			t.Errorf("%s: %s %s %s", name, got.Outcome, got.Reason, got.Message)
		}
	}
}
