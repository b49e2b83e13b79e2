package cli

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

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
	t := timeline{runs: inventory.Runs(volumes)}
	for n := range volumes {
		v := &volumes[n]
		row := timelineRow{v.Slot, map[snapshots.RunKey]string{}}
		next := inv.IfLost(v, now).SnapshotName()
		for _, s := range v.Snapshots {
			row.signs[s.Run()] = v.State(s).Sign()
			if s.Name == next {
				row.signs[s.Run()] += wouldGet
			}
		}
		t.rows = append(t.rows, row)
	}
	return t
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
	for _, state := range inventory.States() {
		if seen[state.Sign()] {
			lines = append(lines, state.Sign()+"  "+state.Says())
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
	rows := [][]string{{"NAME", "BROKER", "VOLUME", "RUN", "AGE", "STATE", "DRILL", "SIZE", "LINEAGE", "HELD/PINS"}}
	for n := range volumes {
		v := &volumes[n]
		for _, s := range v.Snapshots {
			size := "<unknown>"
			if s.Size != nil {
				size = s.Size.String()
			}
			rows = append(rows, []string{s.Name, v.Node, v.Slot, s.Scheduled.UTC().Format(time.RFC3339),
				duration.HumanDuration(now.Sub(s.Scheduled)), string(v.State(s)), drilled(s), size, v.LineageOf(s), cmp.Or(strings.Join(inventory.HeldAndPins(s, now), ", "), "-")})
		}
	}
	return rows
}

// drilled returns the verdict of the last drill that came to one.
func drilled(s snapshots.Snapshot) string {
	verdict, _ := s.Verdict()
	return cmp.Or(string(verdict.Result), "-")
}
