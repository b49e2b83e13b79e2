package rehearsal

import (
	"errors"
	"strings"
	"testing"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

func TestVerdict(t *testing.T) {
	t.Parallel()
	good := &snapshots.Snapshot{Name: "good"}
	restore := snapshots.Decision{Outcome: v1alpha1.OutcomeRestore, Reason: v1alpha1.ReasonRestored, Snapshot: good, Message: "as computed"}
	silent := snapshots.Decision{Outcome: v1alpha1.OutcomeAllow, Reason: v1alpha1.ReasonNotOptedIn}
	const restored, exists, refused = v1alpha1.ReasonRestored, Exists, Refused
	says := []string{"a warning"}
	notAsked := []string{"NotIntercepted: ", "Either", "NotIntercepted of", "If it were asked, it is restored", "  as computed"}
	full := errors.New("exceeded quota: small")
	tests := map[string]struct {
		answer   Answer
		decision snapshots.Decision
		want     []string // the beginning of each line
	}{
		"restored":      {Answer{Reason: restored, Snapshot: "good", Says: says}, restore, []string{"Created now, it is restored from VolumeSnapshot good.", "  a warning"}},
		"exists":        {Answer{Outcome: exists, Reason: restored, Snapshot: "good", Says: says}, restore, []string{"Lost, and created again now, it is restored", "  a warning"}},
		"another":       {Answer{Snapshot: "adopted"}, silent, []string{"Created now, it is restored from VolumeSnapshot adopted.", "What is computed here differs"}},
		"silent":        {Answer{}, silent, []string{"Created now, it starts empty: NotOptedIn, of which"}},
		"silent exists": {Answer{Outcome: exists}, silent, []string{"Lost, and created again now, it starts empty: NotOptedIn"}},
		"empty":         {Answer{Reason: v1alpha1.ReasonNoSnapshot, Says: says}, restore, []string{"Created now, it starts empty.", "  a warning"}},
		"not asked":     {Answer{}, restore, notAsked},
		"others only":   {Answer{Says: []string{"an old API"}}, restore, notAsked},
		"chosen":        {Answer{Outcome: LeftAlone, Reason: v1alpha1.ReasonDataSourceSet}, silent, []string{"Its creator has chosen what it is filled or bound with (DataSourceSet)"}},
		"over quota": {Answer{Outcome: OverQuota, Reason: restored, Snapshot: "good", Says: says, Err: full}, restore,
			[]string{"Created now, it is restored", "  a warning", "  but a quota of the namespace refuses it, unless the lost claim frees its share: exceeded quota"}},
		"refused":         {Answer{Outcome: refused, Reason: v1alpha1.ReasonTooSmall, Says: says}, restore, []string{"Created now, it is refused.", "  a warning"}},
		"refused by more": {Answer{Outcome: Blocked, Reason: restored, Snapshot: "good", Says: says}, restore, []string{"Created now, it is refused.", "  a warning"}},
		"cannot be told":  {Answer{Outcome: Away, Says: says}, restore, []string{"Created now, it is refused, since the webhook cannot be called.", "  a warning"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := Explained{Volume: &inventory.Volume{}, Claim: snapshotstest.StatefulSetClaim("kafka", 0).Obj(), Answer: test.answer, Decision: test.decision}
			got := x.Verdict()
			if len(got) != len(test.want) {
				t.Fatalf("said %q, want %q", got, test.want)
			}
			for i, want := range test.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("said %q, want %q", got[i], want)
				}
			}
		})
	}
}

// TestVerdictBeside has a claim with a generated name that Lives: it says
// nothing of its loss that another one is refused beside it.
func TestVerdictBeside(t *testing.T) {
	t.Parallel()
	restore := snapshots.Decision{Outcome: v1alpha1.OutcomeRestore, Reason: v1alpha1.ReasonRestored, Snapshot: &snapshots.Snapshot{Name: "good"}}
	for reason, want := range map[v1alpha1.Reason]string{
		v1alpha1.ReasonDuplicateVolume:   "Created now, beside the one that lives, it is refused.\n  no\nIf it were lost, as far as can be computed here, it is restored from VolumeSnapshot good.",
		v1alpha1.ReasonInvalidAnnotation: "Lost, and created again now, it is refused.\n  no",
	} {
		x := Explained{Volume: &inventory.Volume{Volume: snapshots.Volume{GeneratedName: true}}, Claim: snapshotstest.KoperatorClaim("kafka", 0, "/logs").Obj(), Lives: true,
			Answer: Answer{Outcome: Refused, Reason: reason, Says: []string{"no"}}, Decision: restore}
		if got := strings.Join(x.Verdict(), "\n"); got != want {
			t.Errorf("%s: said\n%s\nwant\n%s", reason, got, want)
		}
	}
}
