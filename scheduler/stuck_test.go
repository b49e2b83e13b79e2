package scheduler

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jonboulle/clockwork"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// oneClaim is the view of a cluster with one claim that was created at ten
// o'clock, and with snapshots of these hours. A negative hour means an unfinished
// snapshot.
func oneClaim(change func(*corev1.PersistentVolumeClaim), hours ...int) view {
	pvc := snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs").Named("a").Obj()
	pvc.CreationTimestamp, pvc.Status.Phase = metav1.Time{Time: ten}, corev1.ClaimBound
	if change != nil {
		change(pvc)
	}
	v, _ := snapshots.Identify(pvc.Namespace, pvc, nil)
	seen := view{claims: []claims.Claim{{Volume: v, PVC: pvc}}, included: map[string]bool{v.Hash(): true}}
	for _, h := range hours {
		seen.own = append(seen.own, snapshots.Snapshot{Name: fmt.Sprint("s", max(h, -h)), Volume: v.Hash(), SourcePVC: "a", Ready: h > 0,
			Scheduled: ten.Add(time.Duration(max(h, -h)) * time.Hour)})
	}
	return seen
}

func TestStuckVolumes(t *testing.T) {
	failed := &Result{Failed: map[string]error{"a": errors.New("no quota")}}
	for name, test := range map[string]struct {
		seen view
		last *Result
		runs int // hours after ten
		says string
	}{
		"a snapshot of each run":        {oneClaim(nil, 1, 2, 3), nil, 3, ""},
		"two runs without":              {oneClaim(nil, 1, -2), nil, 3, ""},
		"three runs without":            {oneClaim(nil, 1, -2), nil, 4, "claim a: VolumeSnapshot s2 is not finished"},
		"never one":                     {oneClaim(nil, -1), nil, 3, "claim a: VolumeSnapshot s1 is not finished"},
		"never one, since two runs":     {oneClaim(nil, -1), nil, 2, ""},
		"creates fail":                  {oneClaim(nil, 1), failed, 4, "claim a: no quota"},
		"nothing is in the way now":     {oneClaim(nil, 1), nil, 4, ""},
		"the claim is not bound":        {oneClaim(func(c *corev1.PersistentVolumeClaim) { c.Status.Phase = corev1.ClaimPending }, -1), nil, 4, ""},
		"the claim is being deleted":    {oneClaim(func(c *corev1.PersistentVolumeClaim) { c.DeletionTimestamp = &metav1.Time{Time: ten} }, -1), nil, 4, ""},
		"the oldest unfinished is told": {oneClaim(nil, -1, -25), nil, 26, "claim a: VolumeSnapshot s1 is not finished"},
	} {
		if got := stuckVolumes(test.seen, test.last, hourly(t, ten), ten.Add(time.Duration(test.runs)*time.Hour)); got != test.says {
			t.Errorf("%s: %q, want %q", name, got, test.says)
		}
	}
}

// TestLeftBehindIsOfEachVolume checks that a volume that came back empty is not
// left behind: it gets snapshots, though they are not proven.
func TestLeftBehindIsOfEachVolume(t *testing.T) {
	for name, test := range map[string]struct {
		seen view
		want float64
	}{
		"three runs without": {oneClaim(nil, 1, -2), 1},
		"came back empty":    {oneClaim(nil, 3), 0}, // of a lineage that is not proven
	} {
		e, term := &exporter{terms: map[*termFigures]bool{}}, &termFigures{}
		clock := clockwork.NewFakeClockAt(ten.Add(4 * time.Hour))
		term.begin(clock, nobodyKnown)
		e.begin(term)
		term.observe(snapshotstest.NewBackup("b", "kafka", "class").Obj(), test.seen, hourly(t, ten), clock.Now())
		if got := gathered(t, e)["snapback_left_behind_volumes b"]; got != test.want {
			t.Errorf("%s: %f volumes, want %f", name, got, test.want)
		}
	}
}

// An unfinished snapshot prevents the next one of its claim for a day.
func TestUnfinishedSources(t *testing.T) {
	own := oneClaim(nil, -1).own
	for after, want := range map[time.Duration]bool{time.Hour: true, 24 * time.Hour: true, 25 * time.Hour: false} {
		at := own[0].Scheduled.Add(after)
		if got := unfinishedSources(own, at, at).keepsBack(oneClaim(nil).claims[0].PVC); got != want {
			t.Errorf("%s after its time: keeps its volume back: %t, want %t", after, got, want)
		}
	}
}

// The storage may never finish the snapshot of a volume that was lost with its disk. It
// does not prevent those of the claim that came after it.
func TestUnfinishedOfAnotherClaim(t *testing.T) {
	own := oneClaim(nil, -1).own
	own[0].SourcePVCUID = "first"
	for uid, want := range map[types.UID]bool{"first": true, "second": false} {
		c := oneClaim(func(pvc *corev1.PersistentVolumeClaim) { pvc.UID = uid }).claims[0]
		if reason := skip(c, unfinishedSources(own, own[0].Scheduled.Add(time.Hour), own[0].Scheduled.Add(time.Hour))); reason != "" != want {
			t.Errorf("the %s claim: %q", uid, reason)
		}
	}
}

// TestProblems checks that many problems give one text of limited length, the same
// each time, and that the status lists the first ten.
func TestProblems(t *testing.T) {
	result := Result{Scheduled: ten, Volumes: 25, Failed: map[string]error{}, Skipped: map[string]string{"z": "is Pending, not Bound"}}
	for i := range 12 {
		result.Failed[fmt.Sprintf("claim-%02d", i)] = errors.New("no quota " + strings.Repeat("\u00e9", 400))
		result.Created = append(result.Created, fmt.Sprint(i))
	}
	text := summary("T", "failed", result.failed())
	if !strings.HasPrefix(text, "Run of T: 12 snapshots failed: claim claim-00: no quota") || !strings.HasSuffix(text, "; and 9 more, see status.lastRun") ||
		len(text) > 1024 || !utf8.ValidString(text) || text != summary("T", "failed", result.failed()) {
		t.Errorf("Event of %d bytes: %s", len(text), text)
	}
	run := newStatus(snapshotstest.NewBackup("b", "kafka", "class").Obj().Status, 1, observed{last: &result}, ten).LastRun
	if len(run.FailedVolumes) != maxProblems || run.FailedVolumes[9].PersistentVolumeClaim != "claim-09" || len(run.FailedVolumes[0].Reason) > maxReason ||
		len(run.SkippedVolumes) != 1 || run.SkippedVolumes[0].Reason != "is Pending, not Bound" || run.Failed != 12 || run.Skipped != 1 {
		t.Errorf("last run: %+v", run)
	}
}

// TestSecondClaimIsNoVolume completes a run in which two claims have the same
// volume.
func TestSecondClaimIsNoVolume(t *testing.T) {
	result := Result{Scheduled: ten, Volumes: 1, Created: []string{"a"}, Skipped: map[string]string{"b": "is a second claim of volume v"}}
	own := []snapshots.Snapshot{{UID: types.UID("u"), Volume: "v", Scheduled: ten, Cut: ten, Ready: true}}
	if run := newStatus(snapshotstest.NewBackup("b", "kafka", "class").Obj().Status, 1, observed{last: &result, own: own, included: map[string]bool{"v": true}}, ten).LastRun; run.CompletionTime == nil || run.Skipped != 0 {
		t.Errorf("last run: %+v", run)
	}
}
