package snapshots_test

import (
	"testing"
	"time"

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
	next       = ready(3*hour).Annotate(snapshots.AnnotationRestoreNext, "true")
	wrongNext  = ready(3*hour).Annotate(snapshots.AnnotationRestoreNext, "yes")
	emptyUntil = ready(3*hour).Annotate(snapshots.AnnotationStartEmptyUntil, stampedTime(now.Add(time.Minute)))
	emptyPast  = ready(3*hour).Annotate(snapshots.AnnotationStartEmptyUntil, stampedTime(now))
	emptyWrong = ready(3*hour).Annotate(snapshots.AnnotationStartEmptyUntil, "tomorrow")
	abandoned  = ready(hour/2).Annotate(snapshots.AnnotationAbandoned, "")
	pruning    = ready(hour/2).Annotate(snapshots.AnnotationPruning, stampedTime(now))
	unproven   = ready(hour/2).Lineage("second", false)
	promoted   = ready(hour/4).Lineage("second", true)
	elsewhere  = ready(hour/2).Annotate(snapshots.AnnotationKafkaClusterID, "another")
	recreated  = ready(hour/2).Annotate(snapshots.AnnotationClusterUID, "another")
)

var pins = []decision{
	{name: "before a time", claim: pinned(snapshots.AnnotationRestoreBefore, stampedTime(ago(hour+time.Minute))), all: list(newest, older, oldest), outcome: snapshots.Restore, reason: snapshots.Restored, snapshot: older},
	{name: "at a time", claim: pinned(snapshots.AnnotationRestoreBefore, stampedTime(ago(hour))), all: list(newest, older), outcome: snapshots.Restore, reason: snapshots.Restored, snapshot: newest},
	{name: "nothing before", claim: pinned(snapshots.AnnotationRestoreBefore, stampedTime(ago(9*hour))), all: list(newest, older), outcome: snapshots.Deny, reason: snapshots.NothingBefore, says: []string{snapshots.AnnotationRestoreBefore}},
	{name: "nothing before, to start empty", claim: pinned(snapshots.AnnotationRestoreBefore, stampedTime(ago(9*hour))).Annotate(snapshots.AnnotationRestoreUnusable, "empty"), all: list(newest), outcome: snapshots.Allow, reason: snapshots.NothingBefore, says: []string{"EMPTY"}},
	{name: "before no time", claim: pinned(snapshots.AnnotationRestoreBefore, "yesterday"), all: list(newest), outcome: snapshots.Deny, reason: snapshots.InvalidAnnotation, says: []string{"yesterday"}},

	{name: "the next one", claim: optedIn(), all: list(newest, next), outcome: snapshots.Restore, reason: snapshots.Restored, snapshot: next},
	{name: "the next one outranks another pin", claim: pinned(snapshots.AnnotationRestoreBefore, stampedTime(ago(9*hour))), all: list(newest, next), outcome: snapshots.Restore, reason: snapshots.Restored, snapshot: next},
	{name: "the next one does not fit", claim: optedIn().Request("512Mi"), all: list(newest, next), outcome: snapshots.Deny, reason: snapshots.TooSmall},
	{name: "the next one, misspelt", claim: optedIn(), all: list(newest, wrongNext), outcome: snapshots.Deny, reason: snapshots.InvalidAnnotation, says: []string{snapshots.AnnotationRestoreNext, `"yes"`}},
	{name: "the next one of a quorum volume", claim: member(), all: list(newest, next), outcome: snapshots.Restore, reason: snapshots.Restored, snapshot: next},
	{name: "the next one of a quorum volume that may start empty", claim: member(), from: onBackup(snapshots.AnnotationRestoreQuorum, "empty"), all: list(newest, next), outcome: snapshots.Restore, reason: snapshots.Restored, snapshot: next},
	{name: "the next one of a quorum volume, opted out", claim: member().Annotate(snapshots.AnnotationRestore, "off"), all: list(next), outcome: snapshots.Allow, reason: snapshots.OptedOut},
	{name: "before a time, of a quorum volume", claim: member().Annotate(snapshots.AnnotationRestoreBefore, stampedTime(now)), all: list(newest), outcome: snapshots.Deny, reason: snapshots.QuorumUndecided},
	{name: "the next one, opted out", claim: pinned(snapshots.AnnotationRestore, "off"), all: list(next), outcome: snapshots.Allow, reason: snapshots.OptedOut},

	{name: "empty until later", claim: optedIn(), all: list(newest, emptyUntil), outcome: snapshots.Allow, reason: snapshots.OptedOut, says: []string{"EMPTY", emptyUntil.Obj().Name}},
	{name: "empty until now", claim: optedIn(), all: list(newest, emptyPast), outcome: snapshots.Restore, reason: snapshots.Restored, snapshot: newest},
	{name: "empty until no time", claim: optedIn(), all: list(newest, emptyWrong), outcome: snapshots.Deny, reason: snapshots.InvalidAnnotation, says: []string{"tomorrow"}},

	{name: "young enough", claim: pinned(snapshots.AnnotationRestoreMaxAge, "1h"), all: list(newest), outcome: snapshots.Restore, reason: snapshots.Restored, snapshot: newest},
	{name: "too old", claim: pinned(snapshots.AnnotationRestoreMaxAge, "59m"), all: list(newest), outcome: snapshots.Deny, reason: snapshots.TooOld, says: []string{"59m", "2026-03-01T11:00:00Z"}},
	{name: "too old, to start empty", claim: pinned(snapshots.AnnotationRestoreMaxAge, "59m").Annotate(snapshots.AnnotationRestoreUnusable, "empty"), all: list(newest), outcome: snapshots.Allow, reason: snapshots.TooOld, says: []string{"EMPTY"}},
	{name: "no age", claim: pinned(snapshots.AnnotationRestoreMaxAge, "-1h"), all: list(newest), outcome: snapshots.Deny, reason: snapshots.InvalidAnnotation},

	{name: "abandoned passed over", claim: optedIn(), all: list(abandoned, newest), outcome: snapshots.Restore, reason: snapshots.Restored, snapshot: newest},
	{name: "only an abandoned one: never empty", claim: optedIn(), all: list(abandoned), outcome: snapshots.Restore, reason: snapshots.Restored, snapshot: abandoned},
	{name: "being pruned", claim: optedIn(), all: list(pruning, newest), outcome: snapshots.Restore, reason: snapshots.Restored, snapshot: newest},
	{name: "of an unproven lineage", claim: optedIn(), all: list(unproven, newest), outcome: snapshots.Restore, reason: snapshots.Restored, snapshot: newest},
	{name: "of a lineage that is proven by now", claim: optedIn(), all: list(promoted, unproven, newest), outcome: snapshots.Restore, reason: snapshots.Restored, snapshot: promoted},
	{name: "only of an unproven lineage: never empty", claim: optedIn(), all: list(unproven), outcome: snapshots.Restore, reason: snapshots.Restored, snapshot: unproven},
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
		outcome snapshots.Outcome
		reason  snapshots.Reason
		get     *snapshotstest.Snapshot
	}{
		"only of another":           {all: list(elsewhere), outcome: snapshots.Deny, reason: snapshots.OtherCluster},
		"only of another, accepted": {all: list(elsewhere), accept: true, outcome: snapshots.Restore, reason: snapshots.Restored, get: elsewhere},
		"of another resource":       {all: list(recreated), outcome: snapshots.Deny, reason: snapshots.OtherCluster},
		"of both":                   {all: list(elsewhere, newest), outcome: snapshots.Restore, reason: snapshots.Restored, get: newest},
		"not known":                 {all: list(newest), outcome: snapshots.Restore, reason: snapshots.Restored, get: newest},
	} {
		claim := asked(t, optedIn(), driver)
		claim.Volume.KafkaClusterID, claim.Volume.ClusterUID = "ours", "ours"
		policy := snapshots.Policy{snapshots.AnnotationRestore: latest}
		if test.accept {
			policy[snapshots.AnnotationRestoreOtherCluster] = "true"
		}
		want := ""
		if test.get != nil {
			want = test.get.Obj().Name
		}
		got := snapshots.Select(claim, policy, snapshots.Around{}, readAll(t, test.all...), now)
		if got.Outcome != test.outcome || got.Reason != test.reason || got.SnapshotName() != want {
			t.Errorf("%s: %s %s %s", name, got.Outcome, got.Reason, got.Message)
		}
	}
}
