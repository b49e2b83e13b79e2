package snapshots_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestAmbiguousNamesTheNewest checks two volumes of one claim name with two snapshots
// each. The refusal names the newest of each, so that a person can choose.
func TestAmbiguousNamesTheNewest(t *testing.T) {
	t.Parallel()
	of := func(cluster string, age time.Duration) snapshots.Snapshot {
		return read(t, snapshotstest.NewSnapshot(release(cluster), hourly(), driver, ago(age)).Ready()).Lean()
	}
	taken := []snapshots.Snapshot{of("first", 4*hour), of("second", 1*hour), of("first", 2*hour), of("second", 3*hour)}
	for range 2 {
		_, refusal, _ := snapshots.VolumeOfClaim(snapshotstest.Namespace, "data-kafka-0", taken, nil)
		for i, s := range taken {
			if newest := s.Scheduled.After(ago(150 * time.Minute)); strings.Contains(refusal.Message, s.Name) != newest {
				t.Errorf("number %d, %s, is the newest of its volume: %t; the message is %s", i, s.Name, newest, refusal.Message)
			}
		}
		slices.Reverse(taken)
	}
}

// TestUnreadableNamesTheNewest checks that, of three snapshots that cannot be read, the
// refusal names the one that a person should correct first.
func TestUnreadableNamesTheNewest(t *testing.T) {
	t.Parallel()
	var all []snapshots.Snapshot
	for _, age := range []time.Duration{2 * hour, 1 * hour, 3 * hour} {
		s, _ := snapshots.NewSnapshot(snapshotOf(ago(age)).Ready().Annotate(v1alpha1.AnnotationCapacity, "much").Obj())
		all = append(all, s.Lean())
	}
	for range 2 {
		d := selected(asked(t, optedIn(), driver), snapshots.Policy{v1alpha1.AnnotationRestore: latest}, snapshots.Around{}, all, now)
		if d.Reason != v1alpha1.ReasonUnreadable || !strings.Contains(d.Message, all[1].Name) {
			t.Errorf("%s %s, want %s named", d.Reason, d.Message, all[1].Name)
		}
		slices.Reverse(all)
	}
}

// TestPinIsNamed checks restores with a pin, and one without: the decision names the
// pin.
func TestPinIsNamed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		all    []*snapshotstest.Snapshot
		policy snapshots.Policy
		want   string
	}{
		"nobody's choice":         {all: list(newest, older)},
		"a snapshot":              {all: list(newest, next), want: v1alpha1.AnnotationRestoreNext},
		"a time":                  {all: list(newest, older), policy: snapshots.Policy{v1alpha1.AnnotationRestoreBefore: stampedTime(ago(hour))}, want: v1alpha1.AnnotationRestoreBefore},
		"a snapshot, beside time": {all: list(newest, next), policy: snapshots.Policy{v1alpha1.AnnotationRestoreBefore: stampedTime(ago(hour))}, want: v1alpha1.AnnotationRestoreNext},
	} {
		policy := snapshots.Policy{v1alpha1.AnnotationRestore: latest}
		for key, value := range test.policy {
			policy[key] = value
		}
		got := selected(asked(t, optedIn(), driver), policy, snapshots.Around{}, readAll(t, test.all...), now)
		if got.Outcome != v1alpha1.OutcomeRestore || got.Pin != test.want {
			t.Errorf("%s: %s, pinned by %q", name, got.Reason, got.Pin)
		}
	}
}

// TestFailureIsTold checks snapshots that are not cut. For a failed one the text is
// the driver's error; for another one it says that the driver may still take it.
func TestFailureIsTold(t *testing.T) {
	t.Parallel()
	failed := snapshotOf(ago(hour / 2)).Failing("no space left")
	all := considered(asked(t, optedIn(), driver), readAll(t, uncut, newest), now)
	if len(all) != 2 || all[0].Passed != snapshots.PassedNotCut || !strings.HasSuffix(all[0].Why, "yet") {
		t.Errorf("not taken yet: %+v", all)
	}
	all = considered(asked(t, optedIn(), driver), []snapshots.Snapshot{read(t, failed), read(t, newest)}, now)
	if len(all) != 2 || all[0].Passed != snapshots.PassedNotCut || !strings.HasSuffix(all[0].Why, "no space left") {
		t.Errorf("failed: %+v", all)
	}
}
