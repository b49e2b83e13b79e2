package snapshots_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// checkPassedOver checks that a trace passes over all snapshots but the one that the
// claim is restored from. It checks the claim as it is, with disks that were lost
// together with it, and with pins.
func checkPassedOver(t *testing.T, claim snapshots.Claim, from sources, all []snapshots.Snapshot) {
	var some []snapshots.RunKey
	for i := 1; i < len(all); i += 2 {
		some = append(some, all[i].Run())
	}
	together := snapshots.Around{Siblings: [][]snapshots.RunKey{some}}
	restorable := from
	restorable.PVC = map[string]string{v1alpha1.AnnotationRestore: latest}
	restorable.Backups = nil
	pinned := restorable
	pinned.PVC = maps.Clone(restorable.PVC)
	pinned.PVC[v1alpha1.AnnotationRestoreBefore] = ago(10 * time.Hour).Format(time.RFC3339)
	next := slices.Clone(all)
	if n := len(next); n > 0 {
		next[n/2].Annotations = maps.Clone(next[n/2].Annotations)
		if next[n/2].Annotations == nil {
			next[n/2].Annotations = map[string]string{}
		}
		next[n/2].Annotations[v1alpha1.AnnotationRestoreNext] = "true"
	}
	for _, from := range []sources{from, restorable, pinned} {
		for _, around := range []snapshots.Around{{}, together} {
			for _, all := range [][]snapshots.Snapshot{all, next} {
				checkExplained(t, claim, from, around, all)
			}
		}
	}
}

func checkExplained(t *testing.T, claim snapshots.Claim, from sources, around snapshots.Around, all []snapshots.Snapshot) {
	want := from.decide(claim, around, all, now)
	considered := from.explain(claim, around, all, now)
	if len(considered) != len(all) {
		t.Errorf("%d of %d snapshots are considered", len(considered), len(all))
	}
	var chosen []string
	for _, c := range considered {
		if c.Passed == "" {
			chosen = append(chosen, c.Name)
		}
		if (c.Passed == "") != (c.Why == "") {
			t.Errorf("%s is passed over for %q: %q", c.Name, c.Passed, c.Why)
		}
	}
	if want.Outcome != v1alpha1.OutcomeRestore && len(chosen) > 0 || want.Outcome == v1alpha1.OutcomeRestore && !slices.Equal(chosen, []string{want.SnapshotName()}) {
		t.Errorf("%s %s %s, and not passed over are %q out of %+v", want.Outcome, want.Reason, want.SnapshotName(), chosen, considered)
	}
}

func TestPassedOver(t *testing.T) {
	t.Parallel()
	uncut := snapshotOf(ago(time.Minute))
	failed := snapshotOf(ago(time.Minute)).Failing("the pool is full")
	waiting := snapshotOf(ago(time.Minute)).Cut(ago(time.Minute))
	terminating := ready(hour / 2).Terminating(now)
	run := func(s *snapshotstest.Snapshot) snapshots.RunKey { return read(t, s).Run() }
	tests := map[string]struct {
		claim  *snapshotstest.Claim
		around snapshots.Around
		all    []*snapshotstest.Snapshot // the newest first
		want   []snapshots.Passed
	}{
		"newest":          {all: list(newest, older), want: []snapshots.Passed{"", snapshots.PassedNotNewest}},
		"not cut":         {all: list(uncut, newest), want: []snapshots.Passed{snapshots.PassedNotCut, ""}},
		"failed":          {all: list(failed, newest), want: []snapshots.Passed{snapshots.PassedNotCut, ""}},
		"not ready":       {all: list(waiting, newest), want: []snapshots.Passed{snapshots.PassedNotReady, ""}},
		"none is ready":   {all: list(waiting, snapshotOf(ago(hour))), want: []snapshots.Passed{"", snapshots.PassedNotCut}},
		"terminating":     {all: list(terminating, newest), want: []snapshots.Passed{snapshots.PassedTerminating, ""}},
		"pruning":         {all: list(pruning, newest), want: []snapshots.Passed{snapshots.PassedPruning, ""}},
		"abandoned":       {all: list(abandoned, newest), want: []snapshots.Passed{snapshots.PassedAbandoned, ""}},
		"all abandoned":   {all: list(abandoned), want: []snapshots.Passed{""}},
		"unproven":        {all: list(unproven, newest), want: []snapshots.Passed{snapshots.PassedUnproven, ""}},
		"pinned":          {all: list(newest, next, ready(4*hour)), want: []snapshots.Passed{snapshots.PassedNotPinned, "", snapshots.PassedNotPinned}},
		"before":          {claim: pinned(v1alpha1.AnnotationRestoreBefore, stampedTime(ago(hour+time.Minute))), all: list(newest, older), want: []snapshots.Passed{snapshots.PassedAfter, ""}},
		"nothing before":  {claim: pinned(v1alpha1.AnnotationRestoreBefore, stampedTime(ago(9*hour))), all: list(newest), want: []snapshots.Passed{snapshots.PassedAfter}},
		"no common run":   {around: snapshots.Around{Siblings: [][]snapshots.RunKey{{run(older)}}}, all: list(newest, older), want: []snapshots.Passed{snapshots.PassedNoCommonRun, ""}},
		"does not fit":    {claim: optedIn().Request("1Mi"), all: list(newest, older), want: []snapshots.Passed{snapshots.PassedDoesNotFit, snapshots.PassedNotNewest}},
		"not opted in":    {claim: brokerClaim(), all: list(newest), want: []snapshots.Passed{snapshots.PassedNotRestorable}},
		"to start empty":  {all: list(newest, emptyUntil), want: []snapshots.Passed{snapshots.PassedNotRestorable, snapshots.PassedNotRestorable}},
		"duplicate":       {around: snapshots.Around{Duplicate: "another"}, all: list(newest), want: []snapshots.Passed{snapshots.PassedNotRestorable}},
		"marked wrongly":  {all: list(newest, wrongNext), want: []snapshots.Passed{snapshots.PassedNotRestorable, snapshots.PassedNotRestorable}},
		"there are none":  {},
		"annotated wrong": {claim: pinned(v1alpha1.AnnotationRestoreMaxAge, "old"), all: list(newest), want: []snapshots.Passed{snapshots.PassedNotRestorable}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.claim == nil {
				test.claim = optedIn()
			}
			all := readAll(t, test.all...)
			from := sources{PVC: test.claim.Obj().Annotations}
			claim := asked(t, test.claim, driver)
			checkExplained(t, claim, from, test.around, all)
			var got []snapshots.Passed
			for _, c := range from.explain(claim, test.around, all, now) {
				got = append(got, c.Passed)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("passed over for %q, want %q", got, test.want)
			}
		})
	}
}

func TestPassedOverOtherCluster(t *testing.T) {
	t.Parallel()
	claim := asked(t, optedIn(), driver)
	claim.Volume.KafkaClusterID = "own"
	own := ready(hour).Annotate(v1alpha1.AnnotationKafkaClusterID, "own")
	got := sources{PVC: optIn()}.explain(claim, snapshots.Around{}, readAll(t, elsewhere, own), now)
	if len(got) != 2 || got[0].Passed != snapshots.PassedOtherCluster || got[1].Passed != "" {
		t.Errorf("got %+v", got)
	}
}
