package screen

import (
	"slices"
	"strings"
	"time"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

// runsShown is how many runs a picture has columns for.
const runsShown = 50

// Picture has a row for each broker volume and a column for each run, the newest on the
// left: what is asked first is what there is now.
type Picture struct {
	Runs   []Run
	Rows   []Row
	Pages  Pages
	Legend []Mark
	Older  string // query of the picture of older runs; empty: there are none
	Newer  string
	Left   int // runs that are older than those shown
}

// Row is a broker volume.
type Row struct {
	inventory.VolumeStatus
	Claim   string // name of its claim, or of its last one
	Lost    bool   // it has no claim
	Loss    string // how much time of its data would be lost if it died now
	IfLost  string // what a new claim of it would get
	Problem bool
	Cells   []Cell // in the order of the runs

	order int // of its first problem
}

// Cell is what a run has of a volume.
type Cell struct {
	State inventory.State // empty: there is no snapshot
	None  bool            // and none was to be expected
	Next  bool            // a new claim of the volume would get it
	Step  bool            // the run before it is of another lineage
}

// Mark explains a sign of the picture.
type Mark struct{ Sign, Class, Says string }

// Signs and words of the cells that are no state of a snapshot.
const (
	gapSign  = "·"
	gapSays  = "no snapshot"
	nextSays = "would be restored"
	stepSays = "first of its lineage"
)

// Sign returns the character that stands for the cell.
func (c Cell) Sign() string {
	switch {
	case c.None:
		return ""
	case c.State == "":
		return gapSign
	}
	return c.State.Sign()
}

// Class returns the classes of the cell, for the style sheet: short ones, since there
// are thousands.
func (c Cell) Class() string {
	class := classOf(c.State)
	if c.None {
		class = "none"
	}
	if c.Next {
		class += " next"
	}
	if c.Step {
		class += " step"
	}
	return class
}

func classOf(state inventory.State) string {
	if state == "" {
		return "gap"
	}
	return strings.ToLower(string(state))
}

// Says returns the cell in words.
func (c Cell) Says() string {
	if c.None {
		return ""
	}
	said := gapSays
	if c.State != "" {
		said, _, _ = strings.Cut(c.State.Says(), ":")
	}
	if c.Next {
		said += ", " + nextSays
	}
	if c.Step {
		said += ", " + stepSays
	}
	return said
}

// newPicture returns a part of the picture of a cluster's volumes. The inventory has only
// these, in the order of the status.
func newPicture(i *inventory.Inventory, s inventory.Status, part Part, now time.Time) Picture {
	volumes := i.Volumes
	runs := inventory.Runs(volumes)
	slices.Reverse(runs)
	part.Older = min(part.Older, max(0, (len(runs)-1)/runsShown))
	var p Picture
	if part.Older > 0 {
		p.Newer = part.link(part.Page, part.Older-1)
	}
	runs = runs[min(part.Older*runsShown, len(runs)):]
	if len(runs) > runsShown {
		p.Left, p.Older = len(runs)-runsShown, part.link(part.Page, part.Older+1)
		runs = runs[:runsShown]
	}
	c := columnsOf(i, inventory.ClusterKey{Namespace: s.Namespace, Name: s.Cluster}, runs)
	rows := make([]Row, 0, len(volumes))
	for n := range volumes {
		row := newRow(&volumes[n], s.Volumes[n], s.Problems, now)
		row.Cells = c.fill(&volumes[n], s.Volumes[n].IfLost.Snapshot, now)
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, worse)
	p.Runs, p.Legend = c.done(now), legendOf(rows)
	some := slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return part.Only != "" && !part.matches(r.texts()...) })
	p.Rows, p.Pages = paged(some, len(rows), part)
	return p
}

// newRow returns the row of a volume, without its cells.
func newRow(v *inventory.Volume, status inventory.VolumeStatus, problems []inventory.Problem, now time.Time) Row {
	r := Row{VolumeStatus: status, Claim: claimOf(v), Lost: v.Claim() == nil, Loss: status.DataLoss(now), IfLost: status.WhatIfLost()}
	r.order = slices.IndexFunc(problems, func(p inventory.Problem) bool {
		return p.Kind == "volume" && p.Name == status.Volume || p.Kind == "claim" && slices.ContainsFunc(status.Claims, func(c inventory.ClaimStatus) bool { return c.Name == p.Name })
	})
	r.Problem = r.order >= 0
	return r
}

// worse puts volumes with problems first, the gravest of these first, then those that
// would lose most.
func worse(a, b Row) int {
	if d := inventory.TrueFirst(a.Problem, b.Problem); d != 0 {
		return d
	}
	if d := a.order - b.order; d != 0 {
		return d
	}
	if a.Newest == nil || b.Newest == nil {
		return inventory.TrueFirst(a.Newest == nil, b.Newest == nil)
	}
	return a.Newest.ScheduledTime.Compare(b.Newest.ScheduledTime.Time)
}

// texts are what a row is found by.
func (r *Row) texts() []string {
	texts := []string{r.Volume, r.Broker, r.Claim, string(r.Role), r.IfLost}
	if r.Problem {
		texts = append(texts, "problem")
	}
	for _, state := range inventory.States() {
		if slices.ContainsFunc(r.Cells, func(c Cell) bool { return c.State == state }) {
			texts = append(texts, state.Says(), string(state))
		}
	}
	if slices.ContainsFunc(r.Cells, func(c Cell) bool { return c.State == "" && !c.None }) {
		texts = append(texts, gapSays)
	}
	return texts
}

// claimOf returns the name of a volume's claim, or of its last one.
func claimOf(v *inventory.Volume) string {
	if pvc := v.Claim(); pvc != nil {
		return pvc.Name
	}
	if len(v.Claims) > 0 {
		return v.Claims[0].Name
	}
	for _, s := range v.Snapshots {
		if s.SourcePVC != "" {
			return s.SourcePVC
		}
	}
	return ""
}

// legendOf explains the signs that the rows have.
func legendOf(rows []Row) []Mark {
	seen := map[Cell]bool{}
	for n := range rows {
		for _, c := range rows[n].Cells {
			seen[Cell{State: c.State, None: c.None}] = true
			seen[Cell{Next: true}] = seen[Cell{Next: true}] || c.Next
			seen[Cell{Step: true}] = seen[Cell{Step: true}] || c.Step
		}
	}
	var legend []Mark
	for _, state := range inventory.States() {
		if seen[Cell{State: state}] {
			legend = append(legend, Mark{state.Sign(), classOf(state), state.Says()})
		}
	}
	for _, m := range []struct {
		cell Cell
		mark Mark
	}{
		{Cell{}, Mark{gapSign, classOf(""), gapSays + ": the run has none of this volume"}},
		{Cell{Next: true}, Mark{"▣", "next", nextSays + ": a new claim of the volume gets it, as far as can be computed here; the page of its claim asks the webhook"}},
		{Cell{Step: true}, Mark{"▌", "step", stepSays + ": the older ones are of another life of the volume"}},
	} {
		if seen[m.cell] {
			legend = append(legend, m.mark)
		}
	}
	return legend
}

// lineage is that of the snapshots of one volume that have come so far, the newest
// first.
type lineage struct {
	id   string
	cell *Cell
}

// goOn marks the cell before if it is of another lineage than the snapshot, which is
// older.
func (l *lineage) goOn(s *snapshots.Snapshot, c *Cell) {
	if l.cell != nil && l.id != s.Lineage.ID {
		l.cell.Step = true
	}
	l.id, l.cell = s.Lineage.ID, c
}
