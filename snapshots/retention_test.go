package snapshots_test

import (
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// taken returns a snapshot of volume v with the fields that retention reads. signs: r
// ready, d being deleted, h held, a abandoned, f failed, p of the proven lineage, u
// of an unproven one, x damaged.
func taken(name, volume string, age time.Duration, signs string) snapshots.Snapshot {
	has := func(sign rune) bool { return slices.Contains([]rune(signs), sign) }
	s := snapshots.Snapshot{
		Name: name, Volume: volume, Scheduled: ago(age), Cut: ago(age),
		Ready: has('r'), Deleting: has('d'), Held: has('h'), Damaged: has('x'),
	}
	if has('a') {
		s.Held, s.Annotations = true, map[string]string{v1alpha1.AnnotationAbandoned: "x"}
	}
	if has('f') {
		s.Cut, s.Failure = time.Time{}, "no space"
	}
	if has('p') {
		s.Lineage = snapshots.Lineage{ID: "proven", Proven: true}
	}
	if has('u') {
		s.Lineage = snapshots.Lineage{ID: "unproven"}
	}
	return s
}

func names(all []snapshots.Snapshot) []string {
	got := []string{}
	for _, s := range all {
		got = append(got, s.Name)
	}
	return got
}

// hours returns ready snapshots of a volume, named after their age.
func hours(volume string, ages ...int) []snapshots.Snapshot {
	var all []snapshots.Snapshot
	for _, age := range ages {
		all = append(all, taken(fmt.Sprintf("%s%d", volume, age), volume, time.Duration(age)*time.Hour, "r"))
	}
	return all
}

func TestPrunable(t *testing.T) {
	const hour = time.Hour
	six := hours("v", 1, 2, 3, 4, 5, 6)
	for _, test := range []struct {
		name      string
		retention snapshots.Retention
		all       []snapshots.Snapshot
		inUse     []string
		want      []string // the oldest first
	}{
		{"no limit keeps everything", snapshots.Retention{}, hours("v", 1, 2, 30000, 40000), nil, nil},
		{"nothing there", snapshots.Retention{Time: hour, Count: 2}, nil, nil, nil},
		{"time", snapshots.Retention{Time: 3 * hour}, six, nil, []string{"v6", "v5", "v4"}},
		{"exactly as old as allowed", snapshots.Retention{Time: 6 * hour}, six, nil, nil},
		{"count", snapshots.Retention{Count: 4}, six, nil, []string{"v6", "v5"}},
		{"as many as allowed", snapshots.Retention{Count: 6}, six, nil, nil},
		{"both, time says more", snapshots.Retention{Time: 3 * hour, Count: 5}, six, nil, []string{"v6", "v5", "v4"}},
		{"both, count says more", snapshots.Retention{Time: 5 * hour, Count: 3}, six, nil, []string{"v6", "v5", "v4"}},
		{"the newest two stay, however old", snapshots.Retention{Time: hour}, hours("v", 100, 200, 300), nil, []string{"v300"}},
		{"the newest two stay, whatever the count", snapshots.Retention{Count: 1}, six, nil, []string{"v6", "v5", "v4", "v3"}},
		{"of each volume", snapshots.Retention{Time: hour}, append(hours("v", 5, 6, 9), hours("w", 7, 8, 10)...), nil, []string{"w10", "v9"}},
		{"in use", snapshots.Retention{Time: 3 * hour}, six, []string{"v5", "other"}, []string{"v6", "v4"}},
		{"held", snapshots.Retention{Count: 2}, append(hours("v", 1, 2, 4), taken("v3", "v", 3*hour, "rh")), nil, []string{"v4"}},
		{"unready ones neither go nor count", snapshots.Retention{Count: 2},
			append(hours("v", 3, 4, 5), taken("v1", "v", hour, ""), taken("v2", "v", 2*hour, ""), taken("v9", "v", 9*hour, "")), nil, []string{"v5"}},
		{"deleting ones neither go nor count", snapshots.Retention{Time: hour},
			append(hours("v", 3, 4, 5), taken("v1", "v", hour, "rd"), taken("v9", "v", 9*hour, "rd")), nil, []string{"v5"}},
		{"failed ones go after a day, with or without a limit", snapshots.Retention{},
			append(hours("v", 1, 2), taken("v23", "v", 23*hour, "f"), taken("v25", "v", 25*hour, "f"), taken("w25", "w", 25*hour, "f"), taken("v26", "v", 26*hour, "fh")),
			nil, []string{"v25", "w25"}},
		{"what failed after its cut may still become ready", snapshots.Retention{Time: hour},
			[]snapshots.Snapshot{func() snapshots.Snapshot { s := taken("v25", "v", 25*hour, ""); s.Failure = "slow"; return s }()}, nil, nil},
		{"abandoned ones neither go nor count", snapshots.Retention{Time: hour, Count: 2},
			append(hours("v", 7, 8, 9), taken("v4", "v", 4*hour, "ra"), taken("v5", "v", 5*hour, "ra")), nil, []string{"v9"}},
		{"an unproven lineage pushes out no proven ones", snapshots.Retention{Count: 3},
			[]snapshots.Snapshot{taken("u1", "v", 1*hour, "ru"), taken("u2", "v", 2*hour, "ru"), taken("u3", "v", 3*hour, "ru"), taken("u4", "v", 4*hour, "ru"),
				taken("p5", "v", 5*hour, "rp"), taken("p6", "v", 6*hour, "rp"), taken("p7", "v", 7*hour, "rp"), taken("p8", "v", 8*hour, "rp")}, nil, []string{"p8", "u4"}},
		{"the newest two proven ones stay, however old", snapshots.Retention{Time: 3 * hour},
			[]snapshots.Snapshot{taken("u1", "v", 1*hour, "ru"), taken("u2", "v", 2*hour, "ru"), taken("u4", "v", 4*hour, "ru"),
				taken("p5", "v", 5*hour, "rp"), taken("p6", "v", 6*hour, "rp"), taken("p7", "v", 7*hour, "rp")}, nil, []string{"p7", "u4"}},
		{"one of a superseded lineage stays", snapshots.Retention{Time: hour},
			append(hours("v", 1, 2, 3), taken("p5", "v", 5*hour, "rp"), taken("u6", "v", 6*hour, "ru"), taken("p7", "v", 7*hour, "rp"), taken("p8", "v", 8*hour, "rp"), taken("u9", "v", 9*hour, "ru")),
			nil, []string{"u9", "p8", "v3"}},
		{"damaged ones push out none that is sound", snapshots.Retention{Count: 2},
			append(hours("v", 5, 6, 7), taken("x1", "v", 1*hour, "rx"), taken("x2", "v", 2*hour, "rx")), nil, []string{"v7"}},
		{"a sound one pushes out damaged ones, once there are two newer ones", snapshots.Retention{Count: 2},
			append(hours("v", 1, 5), taken("x2", "v", 2*hour, "rx"), taken("x3", "v", 3*hour, "rx")), nil, []string{"x3"}},
		{"damaged ones within the limits stay", snapshots.Retention{Time: 3 * hour, Count: 3},
			append(hours("v", 1, 5), taken("x2", "v", 2*hour, "rx"), taken("x3", "v", 3*hour, "rx"), taken("x4", "v", 4*hour, "rx")), nil, []string{"x4"}},
		{"they do not pile up when all are damaged", snapshots.Retention{Count: 3},
			[]snapshots.Snapshot{taken("x1", "v", 1*hour, "rx"), taken("x2", "v", 2*hour, "rx"), taken("x3", "v", 3*hour, "rx"), taken("x4", "v", 4*hour, "rx"), taken("x5", "v", 5*hour, "rx")}, nil, []string{"x5", "x4"}},
		{"the newest two of all stay, also damaged", snapshots.Retention{Time: hour},
			append(hours("v", 4, 5, 6), taken("x2", "v", 2*hour, "rx"), taken("x3", "v", 3*hour, "rx")), nil, []string{"v6"}},
		{"the last sound one stays, however many damaged ones follow", snapshots.Retention{Time: hour, Count: 1},
			append(hours("v", 9), taken("x2", "v", 2*hour, "rx"), taken("x3", "v", 3*hour, "rx"), taken("x4", "v", 4*hour, "rx")), nil, []string{"x4"}},
		{"a held damaged one stays", snapshots.Retention{Time: hour}, append(hours("v", 2, 3), taken("x4", "v", 4*hour, "rxh"), taken("x5", "v", 5*hour, "rx")), nil, []string{"x5"}},
		{"an abandoned damaged one stays, and does not count", snapshots.Retention{Time: hour},
			append(hours("v", 3), taken("x2", "v", 2*hour, "rxa"), taken("x4", "v", 4*hour, "rx"), taken("x5", "v", 5*hour, "rx")), nil, []string{"x5"}},
		{"the last of a lineage stays, damaged or not", snapshots.Retention{Time: hour},
			append(hours("v", 2, 3), taken("u4", "v", 4*hour, "rxu"), taken("u5", "v", 5*hour, "rxu"), taken("u6", "v", 6*hour, "ru"), taken("u7", "v", 7*hour, "ru")), nil, []string{"u7", "u5"}},
		{"a damaged one of a proven lineage needs two newer proven ones", snapshots.Retention{Time: hour},
			append([]snapshots.Snapshot{taken("u2", "v", 2*hour, "ru"), taken("u3", "v", 3*hour, "ru"), taken("u4", "v", 4*hour, "ru")}, taken("p5", "v", 5*hour, "rp"), taken("x6", "v", 6*hour, "rxp"), taken("x7", "v", 7*hour, "rxp"), taken("p8", "v", 8*hour, "rp"), taken("p9", "v", 9*hour, "rp")),
			nil, []string{"p9", "x7", "u4"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inUse := map[string]bool{}
			for _, name := range test.inUse {
				inUse[name] = true
			}
			before := names(test.all)
			got := names(test.retention.Prunable(test.all, inUse, now))
			if !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if !slices.Equal(names(test.all), before) {
				t.Errorf("the snapshots it was given are now %v, were %v", names(test.all), before)
			}
		})
	}
}

// generateHistory returns snapshots of some volumes in random states.
func generateHistory(r *rand.Rand) (all []snapshots.Snapshot, inUse map[string]bool) {
	inUse = map[string]bool{}
	for i := range r.Intn(40) {
		signs := ""
		for _, sign := range []struct {
			sign  string
			outOf int
		}{{"r", 1 + r.Intn(2)}, {"d", 8}, {"h", 6}, {"a", 10}, {"x", 4}} {
			if r.Intn(sign.outOf) == 0 {
				signs += sign.sign
			}
		}
		if !strings.Contains(signs, "r") && r.Intn(2) == 0 {
			signs += "f"
		}
		s := taken(fmt.Sprintf("s%02d", i), fmt.Sprintf("v%d", r.Intn(3)), time.Duration(r.Intn(30))*time.Hour, signs)
		lineage := r.Intn(3) // the last is proven by some of its snapshots only
		s.Lineage = snapshots.Lineage{ID: fmt.Sprint(lineage), Proven: lineage == 1 || lineage == 2 && r.Intn(8) == 0}
		inUse[s.Name] = r.Intn(6) == 0
		all = append(all, s)
	}
	return all, inUse
}

// broken returns which invariant the pruning of one snapshot breaks, and whether it
// must be pruned. For each snapshot it searches again for newer ones.
func broken(r snapshots.Retention, all []snapshots.Snapshot, s snapshots.Snapshot, inUse map[string]bool) (never string, due bool) {
	age := now.Sub(s.Scheduled)
	switch {
	case s.Deleting:
		return "deleting already", false
	case s.Held:
		return "held", false
	case inUse[s.Name]:
		return "in use", false
	case !s.Ready && s.Failure != "" && s.Cut.IsZero():
		return "", age > 24*time.Hour
	case !s.Ready:
		return "still being taken", false
	}
	proven := func(x snapshots.Snapshot) bool {
		return slices.ContainsFunc(all, func(other snapshots.Snapshot) bool {
			return other.Volume == x.Volume && other.Lineage == snapshots.Lineage{ID: x.Lineage.ID, Proven: true} && !other.Deleting
		})
	}
	newer := func(that func(snapshots.Snapshot) bool) (n int) {
		for _, other := range all {
			later := other.Scheduled.After(s.Scheduled) || other.Scheduled.Equal(s.Scheduled) && other.Name > s.Name
			replaces := !other.Damaged || s.Damaged
			if later && replaces && other.Volume == s.Volume && other.Ready && !other.Deleting && other.Annotations[v1alpha1.AnnotationAbandoned] == "" && that(other) {
				n++
			}
		}
		return n
	}
	anyOf := newer(func(snapshots.Snapshot) bool { return true })
	counted := anyOf
	if proven(s) {
		counted = newer(proven)
	}
	due = r.Time > 0 && age > r.Time || r.Count > 0 && counted >= r.Count
	switch {
	case anyOf < 2:
		return "one of the newest two ready", due
	case proven(s) && counted < 2:
		return "one of the newest two proven", due
	case newer(func(other snapshots.Snapshot) bool { return other.Lineage.ID == s.Lineage.ID }) == 0:
		return "the last of its lineage", due
	}
	return "", due
}

// checkHistory compares the pruned snapshots of a random history with the invariants,
// and returns how many are pruned.
func checkHistory(t *testing.T, seed int64, retention snapshots.Retention) int {
	t.Helper()
	r := rand.New(rand.NewSource(seed))
	all, inUse := generateHistory(r)
	got := names(retention.Prunable(all, inUse, now))
	for _, s := range all {
		never, due := broken(retention, all, s, inUse)
		goes := slices.Contains(got, s.Name)
		if goes && never != "" {
			t.Fatalf("seed %d, %+v: %s is pruned, which is %s", seed, retention, s.Name, never)
		}
		if want := due && never == ""; goes != want {
			t.Fatalf("seed %d, %+v: %s is pruned: %t, want %t", seed, retention, s.Name, goes, want)
		}
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	if again := names(retention.Prunable(all, inUse, now)); !slices.Equal(again, got) {
		t.Fatalf("seed %d: in another order %v are pruned, not %v", seed, again, got)
	}
	return len(got)
}

func TestPrunableInvariants(t *testing.T) {
	const iterations = 2000
	first := rand.Int63n(1 << 40)
	t.Logf("seeds from %d", first)
	pruned := 0
	for i := range int64(iterations) {
		r := rand.New(rand.NewSource(first + i))
		pruned += checkHistory(t, first+i, snapshots.Retention{Time: time.Duration(r.Intn(25)) * time.Hour, Count: r.Intn(6)})
	}
	if pruned < iterations {
		t.Errorf("only %d snapshots were pruned in %d histories", pruned, iterations)
	}
}

func FuzzPrunable(f *testing.F) {
	f.Add(int64(1), uint8(3), uint8(2))
	f.Fuzz(func(t *testing.T, seed int64, hours, count uint8) {
		checkHistory(t, seed, snapshots.Retention{Time: time.Duration(hours) * time.Hour, Count: int(count)})
	})
}

// TestBeyond checks why each of a volume's snapshots is kept, and that none has two
// reasons.
func TestBeyond(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	of := func(name string, hoursAgo int, change func(*snapshots.Snapshot)) snapshots.Snapshot {
		s := snapshots.Snapshot{Name: name, Volume: "v", Ready: true, Scheduled: at.Add(-time.Duration(hoursAgo) * time.Hour), Lineage: snapshots.Lineage{ID: "first", Proven: true}, Annotations: map[string]string{}}
		if change != nil {
			change(&s)
		}
		return s
	}
	all := []snapshots.Snapshot{
		of("newest", 30, nil), of("second", 31, nil), of("goes", 32, nil), of("waited for", 33, nil),
		of("held", 34, func(s *snapshots.Snapshot) { s.Held = true }),
		of("abandoned", 35, func(s *snapshots.Snapshot) { s.Held, s.Annotations[v1alpha1.AnnotationAbandoned] = true, "x" }),
		of("other lineage", 36, func(s *snapshots.Snapshot) { s.Lineage.ID = "before" }),
		of("damaged, goes", 33, func(s *snapshots.Snapshot) { s.Damaged = true }),
		of("the last sound of its lineage", 39, func(s *snapshots.Snapshot) { s.Lineage.ID = "damaged" }),
		of("damaged, of its lineage", 38, func(s *snapshots.Snapshot) { s.Lineage.ID, s.Damaged = "damaged", true }),
		of("unready", 37, func(s *snapshots.Snapshot) { s.Ready = false }),
		of("young", 1, func(s *snapshots.Snapshot) { s.Volume = "w" }),
	}
	for frozen, want := range map[bool]map[snapshots.Kept]string{
		false: {snapshots.KeptMinimum: "newest, second", snapshots.KeptInUse: "waited for", snapshots.KeptHeld: "held", snapshots.KeptAbandoned: "abandoned", snapshots.KeptLineage: "other lineage, damaged, of its lineage, the last sound of its lineage"},
		true:  {snapshots.KeptMinimum: "newest, second", snapshots.KeptInUse: "waited for", snapshots.KeptHeld: "held", snapshots.KeptAbandoned: "abandoned", snapshots.KeptLineage: "other lineage, damaged, of its lineage, the last sound of its lineage", snapshots.KeptFrozen: "goes, damaged, goes"},
	} {
		got := snapshots.Retention{Time: 24 * time.Hour}.Beyond(all, map[string]bool{"waited for": true}, frozen, at)
		for _, why := range snapshots.KeptReasons {
			var names []string
			for _, s := range got[why] {
				names = append(names, s.Name)
			}
			if text := strings.Join(names, ", "); text != want[why] {
				t.Errorf("frozen %t: %s are %q, want %q", frozen, why, text, want[why])
			}
		}
	}
}

// TestRelabelledPushesOutNone checks newer snapshots on which somebody has put
// Snapback's labels.
func TestRelabelledPushesOutNone(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	var all []snapshots.Snapshot
	for i := range 4 {
		all = append(all, snapshots.Snapshot{Name: string(rune('a' + i)), Volume: "v", Ready: true, Scheduled: at.Add(-time.Duration(i) * time.Hour),
			Lineage: snapshots.Lineage{ID: "first", Proven: true}, Relabelled: i < 2})
	}
	for _, s := range (snapshots.Retention{Time: time.Minute, Count: 2}).Prunable(all, nil, at.Add(time.Hour)) {
		if !s.Relabelled {
			t.Errorf("%s is pushed out", s.Name)
		}
	}
}

// TestRules has snapshots that outlived the retention by each rule.
func TestRules(t *testing.T) {
	all := append(hours("v", 1, 2, 3, 50), taken("failed", "v", 30*time.Hour, "f"), taken("fresh", "v", time.Hour, "f"))
	got := snapshots.Retention{Time: 40 * time.Hour, Count: 2}.Rules(all, now)
	want := map[string]v1alpha1.HistoryRule{"v3": v1alpha1.RuleRetentionCount, "v50": v1alpha1.RuleRetentionTime, "failed": v1alpha1.RuleFailed}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
