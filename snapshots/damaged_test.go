package snapshots_test

import (
	"math/rand"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// withReport returns a ready snapshot whose report of a drill is this text.
func withReport(text string) *snapshotstest.Snapshot {
	return ready(hour).Annotate(v1alpha1.AnnotationVerified, text)
}

// TestVerdict checks which reports are a verdict. What cannot be read is none: it
// must not take a snapshot out of the selection.
func TestVerdict(t *testing.T) {
	t.Parallel()
	const damaged = `{"result":"Damaged","volume":"0","runTime":null,"dueTime":null,"startedTime":null,"finishedTime":null}`
	for name, test := range map[string]struct {
		snapshot *snapshotstest.Snapshot
		want     v1alpha1.DrillResult // empty: no verdict
	}{
		"none":                    {snapshot: ready(hour)},
		"sound":                   {ready(hour).Sound(), v1alpha1.DrillSound},
		"damaged":                 {ready(hour).Damaged(), v1alpha1.DrillDamaged},
		"little but the result":   {withReport(damaged), v1alpha1.DrillDamaged},
		"failed":                  {snapshot: ready(hour).Verified(v1alpha1.DrillReport{Result: v1alpha1.DrillFailed})},
		"of no known result":      {snapshot: withReport(strings.Replace(damaged, "Damaged", "damaged", 1))},
		"empty":                   {snapshot: withReport("")},
		"an empty object":         {snapshot: withReport("{}")},
		"no object":               {snapshot: withReport(`"Damaged"`)},
		"cut off":                 {snapshot: withReport(damaged[:len(damaged)-1])},
		"a time that is none":     {snapshot: withReport(strings.Replace(damaged, "null", `"noon"`, 1))},
		"as long as a cache has":  {withReport(damaged + strings.Repeat(" ", 4096-len(damaged))), v1alpha1.DrillDamaged},
		"longer":                  {snapshot: withReport(damaged + strings.Repeat(" ", 4097-len(damaged)))},
		"much longer":             {snapshot: withReport(damaged + strings.Repeat(" ", 100_000))},
		"in the wrong annotation": {snapshot: ready(hour).Annotate(v1alpha1.AnnotationDrillFailed, damaged)},
	} {
		for where, vs := range map[string]func() snapshots.Snapshot{
			"as it is": func() snapshots.Snapshot { return read(t, test.snapshot) },
			"out of a cache": func() snapshots.Snapshot {
				s, _ := snapshots.NewSnapshot(snapshots.SlimSnapshot(test.snapshot.Obj()))
				return s
			},
		} {
			s := vs()
			got, ok := s.Verdict()
			if got.Result != test.want || ok != (test.want != "") || s.Damaged != (test.want == v1alpha1.DrillDamaged) {
				t.Errorf("%s, %s: verdict %q, %t; damaged %t", name, where, got.Result, ok, s.Damaged)
			}
			lean := s.Lean()
			if _, kept := lean.Annotations[v1alpha1.AnnotationVerified]; kept || lean.Damaged != s.Damaged {
				t.Errorf("%s, %s: a catalog keeps the report: %t; damaged %t", name, where, kept, lean.Damaged)
			}
		}
	}
}

// TestReportsCanBeRead checks that what is written is never too long to be read: a
// damaged snapshot would count as one without a verdict.
func TestReportsCanBeRead(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ volume, message, want string }{
		"short":             {"0", "x", "x"},
		"long":              {"0", strings.Repeat("x", 600), strings.Repeat("x", 509) + "…"},
		"escaped":           {"0", strings.Repeat("<", 500), strings.Repeat("<", 500)},
		"escaped, and long": {strings.Repeat("v", 1000), strings.Repeat("<", 500), ""},
	} {
		s := read(t, ready(hour).Verified(v1alpha1.DrillReport{Result: v1alpha1.DrillDamaged, Volume: test.volume, Message: test.message}))
		if got, ok := s.Verdict(); !ok || got.Message != test.want || got.Volume != test.volume || !s.Damaged {
			t.Errorf("%s: %t, %d bytes of message", name, ok, len(got.Message))
		}
	}
}

// FuzzVerdict checks that a report in any state changes only [snapshots.Snapshot.Damaged].
func FuzzVerdict(f *testing.F) {
	for _, text := range []string{"", "{}", `{"result":"Damaged"}`, ready(hour).Damaged().Obj().Annotations[v1alpha1.AnnotationVerified], `{"partitions":99999999999}`, "\x00\xff"} {
		f.Add(text)
	}
	want := read(f, ready(hour))
	f.Fuzz(func(t *testing.T, text string) {
		got := read(t, withReport(text))
		verdict, ok := got.Verdict()
		if got.Damaged != (ok && verdict.Result == v1alpha1.DrillDamaged) {
			t.Errorf("damaged %t by %q", got.Damaged, verdict.Result)
		}
		got.FailedDrill()
		delete(got.Annotations, v1alpha1.AnnotationVerified)
		if got.Damaged = false; !reflect.DeepEqual(got, want) {
			t.Errorf("it is %+v, want %+v", got, want)
		}
	})
}

var (
	bad     = ready(hour / 2).Damaged()
	badToo  = ready(hour * 3 / 2).Damaged()
	badNext = ready(hour/2).Damaged().Annotate(v1alpha1.AnnotationRestoreNext, "true")
)

// TestDamaged checks which snapshot a claim gets beside damaged ones, and what is
// said of it.
func TestDamaged(t *testing.T) {
	t.Parallel()
	const foundBad = "a restore drill found VolumeSnapshot "
	for name, test := range map[string]struct {
		claim   *snapshotstest.Claim
		all     []*snapshotstest.Snapshot
		reason  v1alpha1.Reason         // empty: Restored
		want    *snapshotstest.Snapshot // that it gets
		newer   *snapshotstest.Snapshot // that is passed over with a warning
		says    []string                // the beginning of the other warnings
		message string                  // part of it
	}{
		"the newest is damaged":         {all: list(bad, newest), want: newest, newer: bad},
		"the newest two are":            {all: list(bad, ready(hour*2/3).Damaged(), newest), want: newest, newer: bad},
		"an older one is":               {all: list(newest, badToo), want: newest},
		"sound":                         {all: list(ready(hour/2).Sound(), newest), want: ready(hour / 2)},
		"all are":                       {all: list(bad, badToo), want: bad, says: []string{foundBad + bad.Obj().Name + " damaged, and there is none better"}},
		"only waiting for a sound one":  {all: list(bad, snapshotOf(ago(hour)).Cut(now)), reason: v1alpha1.ReasonWaitingForSnapshot, want: snapshotOf(ago(hour)), newer: bad},
		"beside one that is not cut":    {all: list(uncut, bad), want: bad, says: []string{foundBad}},
		"beside one that is pruned":     {all: list(bad, ready(hour).Annotate(v1alpha1.AnnotationPruning, stampedTime(now))), want: bad, says: []string{foundBad}},
		"beside one that was abandoned": {all: list(abandoned, badToo), want: badToo, newer: abandoned, says: []string{foundBad}},
		"beside an unproven one":        {all: list(unproven, badToo), want: badToo, newer: unproven, says: []string{foundBad}},
		"it alone proves its lineage":   {all: list(ready(hour/2).Lineage("second", true).Damaged(), ready(hour*2/3).Lineage("second", false), newest), want: ready(hour * 2 / 3), newer: bad},
		"the next one":                  {all: list(newest, badNext), want: badNext, says: []string{foundBad + bad.Obj().Name + " damaged, and " + v1alpha1.AnnotationRestoreNext + " asks for it"}},
		"the next one is another":       {all: list(bad, newest, next), want: next, newer: bad},
		"before a time":                 {claim: pinned(v1alpha1.AnnotationRestoreBefore, stampedTime(ago(hour+time.Minute))), all: list(newest, badToo, older), want: older, newer: newest},
		"all before a time are":         {claim: pinned(v1alpha1.AnnotationRestoreBefore, stampedTime(ago(hour+time.Minute))), all: list(newest, badToo), want: badToo, newer: newest, says: []string{foundBad}},
		"the sound one is too old":      {claim: pinned(v1alpha1.AnnotationRestoreMaxAge, "59m"), all: list(bad, newest), reason: v1alpha1.ReasonTooOld, message: "(59m) (a restore drill found a newer one damaged); or"},
		"the sound one is too large":    {claim: optedIn().Request("512Mi"), all: list(bad, newest), reason: v1alpha1.ReasonTooSmall, message: "at least as much (a restore drill found a newer one damaged); or"},
		"the damaged one is too large":  {all: list(ready(hour/2).Size("2Gi").Damaged(), newest), want: newest, newer: bad},
		"the only one is too large":     {claim: optedIn().Request("512Mi"), all: list(bad), reason: v1alpha1.ReasonTooSmall, message: "at least as much; or"},
		"to start empty, then":          {claim: unlessUsable("empty").Request("512Mi"), all: list(bad, newest), reason: v1alpha1.ReasonTooSmall, message: "as much (a restore drill found a newer one damaged)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.claim == nil {
				test.claim = optedIn()
			}
			if test.reason == "" {
				test.reason = v1alpha1.ReasonRestored
			}
			all := readAll(t, test.all...)
			got := decision{claim: test.claim}.ask(t, all, now)
			if got.Reason != test.reason || got.SnapshotName() != nameOf(test.want) || !strings.Contains(got.Message, test.message) {
				t.Errorf("got %s %s %q, want %s %s", got.Reason, got.SnapshotName(), got.Message, test.reason, nameOf(test.want))
			}
			if (got.Newer == nil) != (test.newer == nil) || got.Newer != nil && got.Newer.Name != nameOf(test.newer) {
				t.Errorf("passed over is %+v, want %s", got.Newer, nameOf(test.newer))
			}
			if n := got.Newer; n != nil && n.Damaged != strings.Contains(n.Why, "a restore drill found it damaged") && test.want != next {
				t.Errorf("passed over is %s: %s", n.Name, n.Why)
			}
			if len(got.Warnings) != len(test.says) {
				t.Fatalf("warnings %q, want %q", got.Warnings, test.says)
			}
			for i, text := range got.Warnings {
				if !strings.HasPrefix(text, test.says[i]) || !strings.Contains(text, v1alpha1.AnnotationVerified) {
					t.Errorf("warning %q, want %q", text, test.says[i])
				}
			}
			checkExplained(t, asked(t, test.claim, driver), sources{PVC: test.claim.Obj().Annotations}, snapshots.Around{}, all)
		})
	}
}

func nameOf(s *snapshotstest.Snapshot) string {
	if s == nil {
		return ""
	}
	return s.Obj().Name
}

// TestRefusalBesideDamaged checks that the text of a refusal does not depend on how
// many damaged snapshots there are, nor on their names or reports.
func TestRefusalBesideDamaged(t *testing.T) {
	t.Parallel()
	ask := decision{claim: optedIn().Request("512Mi")}
	want := ask.ask(t, readAll(t, bad, newest), now).Message
	for name, all := range map[string][]*snapshotstest.Snapshot{
		"another":      list(ready(hour/3).Damaged(), newest),
		"two":          list(ready(hour/3).Damaged(), bad, newest),
		"other damage": list(ready(hour/2).Verified(v1alpha1.DrillReport{Result: v1alpha1.DrillDamaged, Message: "else"}), newest, older),
	} {
		all := readAll(t, all...)
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		if got := ask.ask(t, all, now.Add(hour)).Message; got != want {
			t.Errorf("%s: %q, said %q", name, got, want)
		}
	}
}

// TestPassedOverDamaged checks what explain says of each snapshot.
func TestPassedOverDamaged(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		all  []*snapshotstest.Snapshot // the newest first
		want []snapshots.Passed
	}{
		"the newest":  {list(bad, newest, badToo, older), []snapshots.Passed{snapshots.PassedDamaged, "", snapshots.PassedDamaged, snapshots.PassedNotNewest}},
		"all":         {list(bad, badToo), []snapshots.Passed{"", snapshots.PassedNotNewest}},
		"abandoned":   {list(ready(hour/2).Damaged().Annotate(v1alpha1.AnnotationAbandoned, "x"), newest), []snapshots.Passed{snapshots.PassedAbandoned, ""}},
		"pinned":      {list(badNext, newest), []snapshots.Passed{"", snapshots.PassedNotPinned}},
		"one waits":   {list(bad, snapshotOf(ago(hour)).Cut(now)), []snapshots.Passed{snapshots.PassedDamaged, ""}},
		"terminating": {list(ready(hour/2).Damaged().Terminating(now), newest), []snapshots.Passed{snapshots.PassedTerminating, ""}},
	} {
		var got []snapshots.Passed
		for _, c := range considered(asked(t, optedIn(), driver), readAll(t, test.all...), now) {
			got = append(got, c.Passed)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: passed over for %q, want %q", name, got, test.want)
		}
	}
}

// TestDamagedDisks checks disks that were lost together: a run of which one has only
// a damaged snapshot is none that both can go back to.
func TestDamagedDisks(t *testing.T) {
	t.Parallel()
	a := func() *snapshotstest.Claim { return disk(0, "/a") }
	b := func() *snapshotstest.Claim { return disk(0, "/b") }
	of := func(c func() *snapshotstest.Claim, damaged ...int) (all []*snapshotstest.Snapshot) {
		for n, s := range hourlyOf(c, 1, 4) {
			if slices.Contains(damaged, n+1) {
				s.Damaged()
			}
			all = append(all, s)
		}
		return all
	}
	waiting := append(list(diskSnapshot(b(), ago(hour)).Cut(ago(hour))), of(b, 1, 2, 3, 4)[1:]...)
	given := func(s *snapshotstest.Snapshot) []snapshots.Peer {
		return []snapshots.Peer{peer(t, b(), "b", 0, func(pvc *corev1.PersistentVolumeClaim) {
			pvc.Spec.DataSource = &corev1.TypedLocalObjectReference{Kind: "VolumeSnapshot", Name: s.Obj().Name}
		})}
	}
	for name, test := range map[string]struct {
		own, other []*snapshotstest.Snapshot
		peers      []snapshots.Peer
		want       time.Duration // age of the snapshot that the claim gets
		apart      bool          // they have no run in common
	}{
		"none is damaged":                    {own: of(a), other: of(b), want: hour},
		"the other's newest":                 {own: of(a), other: of(b, 1), want: 2 * hour},
		"the own newest":                     {own: of(a, 1), other: of(b), want: 2 * hour},
		"one of each":                        {own: of(a, 1), other: of(b, 2), want: 3 * hour},
		"all of the other":                   {own: of(a), other: of(b, 1, 2, 3, 4), want: hour},
		"all of this one":                    {own: of(a, 1, 2, 3, 4), other: of(b, 1), want: 2 * hour},
		"no run is sound for both":           {own: of(a, 1, 3), other: of(b, 2, 4), want: 2 * hour, apart: true},
		"the other waits for a sound one":    {own: of(a), other: waiting, want: hour},
		"the other was given a damaged one":  {own: of(a), other: of(b, 1), peers: given(of(b)[0]), want: hour},
		"the other was given the own's, bad": {own: of(a, 1), other: of(b), peers: given(of(b)[0]), want: 2 * hour, apart: true},
	} {
		v, own := identify(t, a()), readAll(t, test.own...)
		cluster := map[string][]snapshots.Snapshot{v.Hash(): own, identify(t, b()).Hash(): readAll(t, test.other...)}
		around := snapshots.LookAround(v, own, test.peers, cluster, now)
		got := selected(asked(t, a(), driver), snapshots.Policy{v1alpha1.AnnotationRestore: latest}, around, own, now)
		if got.Outcome != v1alpha1.OutcomeRestore || !got.Snapshot.Scheduled.Equal(ago(test.want)) {
			t.Errorf("%s: %s %s %s, want the one of %s ago", name, got.Outcome, got.Reason, got.SnapshotName(), test.want)
		}
		if apart := strings.Contains(strings.Join(got.Warnings, " "), "Duplicate log directories"); apart != test.apart {
			t.Errorf("%s: warnings %q", name, got.Warnings)
		}
	}
}

// TestDamagedIsNotGone checks volumes whose newest snapshots are damaged. Those show
// all the same that the volume was there until now, so its older sound one is not
// that of a removed broker.
func TestDamagedIsNotGone(t *testing.T) {
	t.Parallel()
	runs := func(from int) []snapshots.Snapshot {
		var all []snapshots.Snapshot
		for h := from; h < 4; h++ {
			all = append(all, readAll(t, diskSnapshot(disk(1, "/kafka-logs"), ago(time.Duration(h)*hour)).Ready())...)
		}
		return all
	}
	lately := list(ready(hour).Damaged(), ready(2*hour).Damaged(), ready(3*hour).Damaged(), ready(8*day))
	longAgo := list(ready(9*day).Damaged(), ready(10*day))
	second := list(ready(hour).Lineage("second", false), ready(9*day).Damaged(), ready(10*day))
	for name, test := range map[string]struct {
		own    []*snapshotstest.Snapshot
		memory snapshots.Memory
		want   v1alpha1.Reason
	}{
		"damaged lately":                       {own: lately, want: v1alpha1.ReasonRestored},
		"damaged lately, and remembered":       {own: lately, memory: snapshots.MemoryLost, want: v1alpha1.ReasonRestored},
		"damaged lately, and said to be new":   {own: lately, memory: snapshots.MemoryNew, want: v1alpha1.ReasonRestored},
		"gone for long":                        {own: longAgo, want: v1alpha1.ReasonOrphaned},
		"gone for long, and remembered":        {own: longAgo, memory: snapshots.MemoryLost, want: v1alpha1.ReasonRestored},
		"gone for long, and new":               {own: longAgo, memory: snapshots.MemoryNew, want: v1alpha1.ReasonScaledUp},
		"gone for a week but an hour":          {own: list(ready(7*day-hour).Damaged(), ready(10*day)), want: v1alpha1.ReasonRestored},
		"gone for long, and came back since":   {own: second, want: v1alpha1.ReasonOrphaned},
		"the same, and remembered":             {own: second, memory: snapshots.MemoryLost, want: v1alpha1.ReasonOrphaned},
		"an older one is damaged, and no more": {own: list(ready(9*day), ready(10*day).Damaged()), want: v1alpha1.ReasonOrphaned},
	} {
		claim := asked(t, optedIn(), driver)
		claim.Volume.Memory, claim.Volume.ClusterUID = test.memory, "kafka-1"
		for _, s := range test.own {
			s.Annotate(v1alpha1.AnnotationClusterUID, "kafka-1")
		}
		all := readAll(t, test.own...)
		around := snapshots.LookAround(claim.Volume, all, nil, map[string][]snapshots.Snapshot{claim.Volume.Hash(): all, "another": runs(1)}, now)
		got := selected(claim, snapshots.Policy{v1alpha1.AnnotationRestore: latest}, around, all, now)
		if got.Reason != test.want {
			t.Errorf("%s: %s %s %s, want %s", name, got.Reason, got.SnapshotName(), got.Message, test.want)
		}
		besides := strings.Contains(got.Message, "(a restore drill found a newer one damaged)")
		if got.Reason == v1alpha1.ReasonOrphaned && besides != slices.ContainsFunc(all[:len(all)-1], func(s snapshots.Snapshot) bool { return s.Damaged }) {
			t.Errorf("%s: %s", name, got.Message)
		}
	}
}

// TestForkBesideDamaged checks what a restore leaves aside. A choice of the webhook's
// abandons no damaged snapshot, which would be kept for ever. A person who goes back
// in time has given up all that came later, damaged or not: the verdict of a later
// drill must not bring it back.
func TestForkBesideDamaged(t *testing.T) {
	t.Parallel()
	all := readAll(t, bad, newest)
	d := decision{claim: optedIn()}.ask(t, all, now)
	given := brokerClaim().Annotate(v1alpha1.AnnotationRestoredFrom, d.SnapshotName()).Obj()
	if d.Pin != "" || d.SnapshotName() != nameOf(newest) || snapshots.Pinned(given, *d.Snapshot, nil) {
		t.Errorf("pinned by %q to %s", d.Pin, d.SnapshotName())
	}
	given.UID, given.CreationTimestamp.Time = "given", now
	if got := names(snapshots.LeftAside(all, *d.Snapshot, given)); !slices.Equal(got, []string{nameOf(bad)}) {
		t.Errorf("a person who asks for the same leaves %q aside", got)
	}
	aside := readAll(t, ready(hour/2).Sound().Annotate(v1alpha1.AnnotationAbandoned, nameOf(newest)), newest)
	if again := (decision{claim: optedIn()}).ask(t, aside, now); again.SnapshotName() != nameOf(newest) {
		t.Errorf("after another drill it gets %s", again.SnapshotName())
	}
}
