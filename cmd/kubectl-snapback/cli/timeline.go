package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

// marks are the signs of the states of snapshots, in the order of the legend.
var marks = []struct {
	state inventory.State
	sign  string
	says  string
}{
	{inventory.StateReady, "#", "ready"},
	{inventory.StateNotReady, "c", "cut, not ready"},
	{inventory.StateNotCut, "n", "not cut yet"},
	{inventory.StateFailed, "F", "failed, may be retried"},
	{inventory.StateUnproven, "u", "unproven: the volume came back empty"},
	{inventory.StateAbandoned, "a", "abandoned by a restore from an older one"},
	{inventory.StateDamaged, "D", "damaged, as a restore drill found"},
	{inventory.StateHeld, "H", "held"},
	{inventory.StateRestoreNext, "N", "pinned: restore-next"},
	{inventory.StatePruning, "p", "marked for pruning"},
	{inventory.StateTerminating, "t", "terminating"},
}

const (
	noSnapshot = "."
	wouldGet   = "<"
)

// timeline has a row for each volume and a column for each run.
type timeline struct {
	runs []snapshots.RunKey // the oldest first
	rows []timelineRow
}

type timelineRow struct {
	volume string
	signs  map[snapshots.RunKey]string
}

func newTimeline(inv *inventory.Inventory, volumes []inventory.Volume, now time.Time) timeline {
	var t timeline
	for n := range volumes {
		v := &volumes[n]
		row := timelineRow{v.Slot, map[snapshots.RunKey]string{}}
		next := inv.IfLost(v, now).SnapshotName()
		for _, s := range v.Snapshots {
			row.signs[s.Run()] = signOf(v.State(s))
			if s.Name == next {
				row.signs[s.Run()] += wouldGet
			}
			t.runs = append(t.runs, s.Run())
		}
		t.rows = append(t.rows, row)
	}
	slices.SortFunc(t.runs, func(a, b snapshots.RunKey) int {
		return cmp.Or(cmp.Compare(a.Scheduled, b.Scheduled), cmp.Compare(a.Backup, b.Backup))
	})
	t.runs = slices.Compact(t.runs)
	return t
}

func signOf(state inventory.State) string {
	for _, m := range marks {
		if m.state == state {
			return m.sign
		}
	}
	return "?"
}

// The widths of the columns, the space behind them counted.
const (
	runWidth = len("15:04 ")
	dayWidth = len("Jan 02 ")
)

// nameWidth is the width of the first column.
func (t timeline) nameWidth() int {
	width := len("VOLUME")
	for _, row := range t.rows {
		width = max(width, len(row.volume))
	}
	return width + 2
}

// fit returns how many runs fit into a width.
func (t timeline) fit(width int) int {
	return max(1, (width-t.nameWidth()-(dayWidth-runWidth))/runWidth)
}

// render draws the newest n runs.
func (t timeline) render(n int) string {
	runs := t.runs[max(0, len(t.runs)-n):]
	first := t.nameWidth()
	var days, times strings.Builder
	last := ""
	for i, run := range runs {
		at := time.Unix(run.Scheduled, 0).UTC()
		if day := at.Format("Jan 02"); day != last && len(strings.TrimRight(days.String(), " ")) <= i*runWidth {
			fmt.Fprintf(&days, "%-*s%s", i*runWidth-days.Len(), "", day)
			last = day
		}
		times.WriteString(at.Format("15:04 "))
	}
	lines := []string{
		strings.Repeat(" ", first) + days.String(),
		fmt.Sprintf("%-*s%s", first, "VOLUME", times.String()),
	}
	seen := map[string]bool{}
	for _, row := range t.rows {
		line := fmt.Sprintf("%-*s", first, row.volume)
		for _, run := range runs {
			sign := cmp.Or(row.signs[run], noSnapshot)
			line += fmt.Sprintf("%-*s", runWidth, sign)
			seen[strings.TrimSuffix(sign, wouldGet)] = true
			seen[wouldGet] = seen[wouldGet] || strings.HasSuffix(sign, wouldGet)
		}
		lines = append(lines, line)
	}
	if left := len(t.runs) - len(runs); left > 0 {
		lines = append(lines, "", fmt.Sprintf("%d older runs are not shown: --runs %d shows them", left, len(t.runs)))
	}
	lines = append(append(lines, ""), legend(seen)...)
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// legend returns the explanations of the signs in use.
func legend(seen map[string]bool) []string {
	var lines []string
	for _, m := range marks {
		if seen[m.sign] {
			lines = append(lines, m.sign+"  "+m.says)
		}
	}
	if seen[noSnapshot] {
		lines = append(lines, noSnapshot+"  no snapshot")
	}
	if seen[wouldGet] {
		lines = append(lines, wouldGet+"  a re-created PVC gets the one before it")
	}
	return lines
}

// snapshotRows returns a table with a row for each snapshot.
func snapshotRows(volumes []inventory.Volume, now time.Time) [][]string {
	rows := [][]string{{"NAME", "BROKER", "VOLUME", "RUN", "AGE", "STATE", "SIZE", "LINEAGE", "HELD/PINS"}}
	for n := range volumes {
		v := &volumes[n]
		for _, s := range v.Snapshots {
			size, lineage := "<unknown>", "unproven"
			if s.Size != nil {
				size = s.Size.String()
			}
			if v.Proven(s) {
				lineage = "proven"
			}
			if id := s.Lineage.ID; id != "" {
				lineage = id[:min(len(id), shortID)] + " (" + lineage + ")"
			}
			rows = append(rows, []string{s.Name, v.Node, v.Slot, s.Scheduled.UTC().Format(time.RFC3339),
				duration.HumanDuration(now.Sub(s.Scheduled)), string(v.State(s)), size, lineage, cmp.Or(strings.Join(held(s, now), ", "), "-")})
		}
	}
	return rows
}

// shortID is how much of a lineage's id tells it from others.
const shortID = 8

// held returns what keeps the snapshot from being pruned, and its pins for the next
// claim.
func held(s snapshots.Snapshot, now time.Time) (all []string) {
	if reason, ok := s.Annotations[v1alpha1.AnnotationHold]; ok {
		all = append(all, "held: "+cmp.Or(reason, "no reason given"))
	}
	for _, pin := range s.Pins(now) {
		all = append(all, strings.TrimPrefix(pin, v1alpha1.Domain))
	}
	if _, ok := s.Annotations[v1alpha1.AnnotationAbandoned]; ok {
		all = append(all, "abandoned")
	}
	return all
}
