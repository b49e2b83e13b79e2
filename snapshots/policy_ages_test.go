package snapshots_test

import (
	"testing"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// ages are decisions at the limits of the ages that people set, and when two
// KafkaBackups of a cluster set one.
var ages = []decision{
	{name: "as old as allowed", claim: pinned(v1alpha1.AnnotationRestoreMaxAge, "1h"), all: list(newest), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: newest},
	{name: "a second older than allowed", claim: pinned(v1alpha1.AnnotationRestoreMaxAge, "59m59s"), all: list(newest), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonTooOld, says: []string{"59m59s"}},
	{name: "no age at all", claim: pinned(v1alpha1.AnnotationRestoreMaxAge, "0s"), all: list(newest), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonInvalidAnnotation, says: []string{"positive"}},
	{name: "no age of an orphan's", claim: pinned(v1alpha1.AnnotationRestoreOrphanAge, "0s"), all: list(newest), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonInvalidAnnotation, says: []string{"positive"}},
	{name: "two KafkaBackups agree", claim: optedIn(), from: onBackups(v1alpha1.AnnotationRestoreMaxAge, "2h", "2h"), all: list(newest), outcome: v1alpha1.OutcomeRestore, reason: v1alpha1.ReasonRestored, snapshot: newest},
	{name: "two KafkaBackups disagree", claim: optedIn(), from: onBackups(v1alpha1.AnnotationRestoreMaxAge, "3h", "2h"), all: list(newest), outcome: v1alpha1.OutcomeDeny, reason: v1alpha1.ReasonInvalidAnnotation, says: []string{`"2h" on one KafkaBackup`, `"3h" on another`}},
}

func TestDecideAges(t *testing.T) {
	for _, test := range ages {
		t.Run(test.name, func(t *testing.T) { test.check(t) })
	}
}

// TestOrphanAgeIsReached checks a volume without which its cluster has gone on for
// exactly as long as people allow, and for a second more.
func TestOrphanAgeIsReached(t *testing.T) {
	t.Parallel()
	runs := readAll(t, diskSnapshot(disk(1, "/a"), ago(hour)).Ready(), diskSnapshot(disk(1, "/a"), ago(2*hour)).Ready())
	for age, want := range map[time.Duration]v1alpha1.Reason{7 * day: v1alpha1.ReasonRestored, 7*day + time.Second: v1alpha1.ReasonOrphaned} {
		claim, own := asked(t, optedIn(), driver), readAll(t, ready(age))
		around := snapshots.LookAround(claim.Volume, own, nil, map[string][]snapshots.Snapshot{claim.Volume.Hash(): own, "another": runs}, now)
		if got := selected(claim, snapshots.Policy{v1alpha1.AnnotationRestore: latest}, around, own, now); got.Reason != want {
			t.Errorf("of %s ago: %s %s", age, got.Reason, got.Message)
		}
	}
}

// TestOldDataIsTold restores a snapshot of a day ago. Keys that a compacted topic
// has deleted since may come back, so people must be warned.
func TestOldDataIsTold(t *testing.T) {
	t.Parallel()
	for age, warnings := range map[time.Duration]int{20 * hour: 0, 20*hour + time.Second: 1} {
		got := selected(asked(t, optedIn(), driver), snapshots.Policy{v1alpha1.AnnotationRestore: latest}, snapshots.Around{}, readAll(t, ready(age)), now)
		if len(got.Warnings) != warnings {
			t.Errorf("of %s ago: the warnings are %q", age, got.Warnings)
		}
	}
}
