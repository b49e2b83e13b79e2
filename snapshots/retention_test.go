package snapshots_test

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"
	"time"

	"github.com/snapback-dev/snapback/snapshots"
)

// taken is a snapshot of volume v as retention sees it; signs: r ready, d
// being deleted, h held.
func taken(name, volume string, age time.Duration, signs string) snapshots.Snapshot {
	has := func(sign rune) bool { return slices.Contains([]rune(signs), sign) }
	return snapshots.Snapshot{
		Name: name, Volume: volume, Scheduled: ago(age), Cut: ago(age),
		Ready: has('r'), Deleting: has('d'), Held: has('h'),
	}
}

func names(all []snapshots.Snapshot) []string {
	got := []string{}
	for _, s := range all {
		got = append(got, s.Name)
	}
	return got
}

// hours are ready snapshots of a volume, named after their age.
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

// generateHistory makes snapshots of some volumes in any state.
func generateHistory(r *rand.Rand) (all []snapshots.Snapshot, inUse map[string]bool) {
	inUse = map[string]bool{}
	for i := range r.Intn(40) {
		signs := ""
		for _, sign := range []struct {
			sign  string
			outOf int
		}{{"r", 1 + r.Intn(2)}, {"d", 8}, {"h", 6}} {
			if r.Intn(sign.outOf) == 0 {
				signs += sign.sign
			}
		}
		s := taken(fmt.Sprintf("s%02d", i), fmt.Sprintf("v%d", r.Intn(3)), time.Duration(r.Intn(30))*time.Hour, signs)
		inUse[s.Name] = r.Intn(6) == 0
		all = append(all, s)
	}
	return all, inUse
}

// broken tells which invariant the pruning of one snapshot breaks, and whether
// it is to go at all. It counts anew what is newer, one by one.
func broken(r snapshots.Retention, all []snapshots.Snapshot, s snapshots.Snapshot, inUse map[string]bool) (never string, due bool) {
	newer := 0
	for _, other := range all {
		later := other.Scheduled.After(s.Scheduled) || other.Scheduled.Equal(s.Scheduled) && other.Name > s.Name
		if other.Volume == s.Volume && other.Ready && !other.Deleting && later {
			newer++
		}
	}
	due = r.Time > 0 && s.Scheduled.Before(now.Add(-r.Time)) || r.Count > 0 && newer >= r.Count
	switch {
	case !s.Ready:
		return "not ready", due
	case s.Deleting:
		return "deleting already", due
	case s.Held:
		return "held", due
	case inUse[s.Name]:
		return "in use", due
	case newer < 2:
		return "one of the newest two ready", due
	}
	return "", due
}

func TestPrunableInvariants(t *testing.T) {
	const iterations = 20000
	pruned := 0
	for seed := range int64(iterations) {
		r := rand.New(rand.NewSource(seed))
		all, inUse := generateHistory(r)
		retention := snapshots.Retention{Time: time.Duration(r.Intn(25)) * time.Hour, Count: r.Intn(6)}
		got := names(retention.Prunable(all, inUse, now))
		pruned += len(got)
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
	}
	if pruned < iterations {
		t.Errorf("only %d snapshots were pruned in %d histories", pruned, iterations)
	}
}
