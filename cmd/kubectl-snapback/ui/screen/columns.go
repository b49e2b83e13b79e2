package screen

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

// Run is a column of a picture, with what is so of all volumes, also of those on other
// pages.
type Run struct {
	Time    time.Time
	Backup  string // name of the KafkaBackup
	Counts  []Count
	Ready   int // snapshots that are ready
	Of      int // volumes that it should have a snapshot of
	Skew    string
	Skewed  string // what follows if its cuts are too far apart; empty: they are not
	Keeping string // until when it is kept, or why still
	Keeps   string // the same in a word, for a narrow column
}

// Count is how many snapshots of a run have a state.
type Count struct {
	Mark
	N int
}

// Day returns the day, for the head of a narrow column.
func (r Run) Day() string { return r.Time.UTC().Format("Jan 02") }

// Clock returns the time of the day.
func (r Run) Clock() string { return r.Time.UTC().Format("15:04") }

// columns fills the cells of a picture, and counts what the runs have.
type columns struct {
	runs    []snapshots.RunKey
	at      map[snapshots.RunKey]int
	backups []*inventory.Backup // of the runs; nil: it is gone
	filling bool                // a claim of the cluster is being restored, so that nothing is pruned
	counts  []map[inventory.State]int
	gaps    []int
	ready   [][]*snapshots.Snapshot
	goes    []int
	stays   []map[snapshots.Kept]int
}

func columnsOf(i *inventory.Inventory, key inventory.ClusterKey, runs []snapshots.RunKey) *columns {
	c := &columns{runs: runs, at: map[snapshots.RunKey]int{}, backups: make([]*inventory.Backup, len(runs)), gaps: make([]int, len(runs)),
		ready: make([][]*snapshots.Snapshot, len(runs)), goes: make([]int, len(runs))}
	for n, run := range runs {
		c.at[run] = n
		c.counts = append(c.counts, map[inventory.State]int{})
		c.stays = append(c.stays, map[snapshots.Kept]int{})
		for b := range i.Backups {
			if of := &i.Backups[b]; of.Namespace == key.Namespace && of.Name == run.Backup {
				c.backups[n] = of
			}
		}
	}
	return c
}

// fill returns the cells of a volume. next is the name of the snapshot that a new claim
// of it would get.
func (c *columns) fill(v *inventory.Volume, next string, now time.Time) []Cell {
	cells := make([]Cell, len(c.runs))
	var life lineage
	for i := range v.Snapshots { // the newest first
		s := &v.Snapshots[i]
		n, shown := c.at[s.Run()]
		if !shown {
			life.goOn(s, nil)
			continue
		}
		cells[n].State, cells[n].Next = v.State(*s), s.Name == next
		life.goOn(s, &cells[n])
		c.counts[n][cells[n].State]++
		if s.Ready {
			c.ready[n] = append(c.ready[n], s)
		}
	}
	for n := range cells {
		if cells[n].State == "" {
			if cells[n].None = !c.expects(n, v); !cells[n].None {
				c.gaps[n]++
			}
		}
	}
	c.retain(v, now)
	c.filling = c.filling || slices.ContainsFunc(v.Claims, snapshots.BeingFilled)
	return cells
}

// expects reports whether a run should have a snapshot of the volume: it was there
// before, and not given up since.
func (c *columns) expects(n int, v *inventory.Volume) bool {
	at := time.Unix(c.runs[n].Scheduled, 0)
	if b := c.backups[n]; b != nil && b.Parsed.Excludes(v.Role) {
		return false
	}
	before, since := false, v.Claim() != nil
	for _, pvc := range v.Claims {
		before = before || pvc.CreationTimestamp.Time.Before(at)
	}
	for i := range v.Snapshots {
		before = before || v.Snapshots[i].Scheduled.Before(at)
		since = since || v.Snapshots[i].Scheduled.After(at)
	}
	return before && since
}

// retain counts the snapshots of a volume that have outlived their retention.
func (c *columns) retain(v *inventory.Volume, now time.Time) {
	var done []*inventory.Backup
	for _, b := range c.backups {
		if b == nil || slices.Contains(done, b) {
			continue
		}
		done = append(done, b)
		for name, kept := range b.Outlived(v, now) {
			i := slices.IndexFunc(v.Snapshots, func(s snapshots.Snapshot) bool { return s.Name == name })
			n, shown := c.at[v.Snapshots[i].Run()]
			switch {
			case !shown:
			case kept == "":
				c.goes[n]++
			default:
				c.stays[n][kept]++
			}
		}
	}
}

// done returns the runs, once all volumes are in.
func (c *columns) done(now time.Time) []Run {
	all := make([]Run, len(c.runs))
	for n, key := range c.runs {
		r := Run{Time: time.Unix(key.Scheduled, 0), Backup: key.Backup, Ready: len(c.ready[n])}
		for _, state := range inventory.States() {
			if count := c.counts[n][state]; count > 0 {
				r.Counts = append(r.Counts, Count{Mark{state.Sign(), classOf(state), state.Says()}, count})
				r.Of += count
			}
		}
		if c.gaps[n] > 0 {
			r.Counts = append(r.Counts, Count{Mark{gapSign, classOf(""), gapSays}, c.gaps[n]})
		}
		r.Of += c.gaps[n]
		r.Skew, r.Skewed = skewOf(c.ready[n])
		r.Keeps, r.Keeping = c.keeping(n, now)
		all[n] = r
	}
	return all
}

// skewOf says how far the cuts of a run are apart.
func skewOf(ready []*snapshots.Snapshot) (apart, skewed string) {
	if len(ready) == 0 {
		return "", ""
	}
	first, last := snapshots.Cuts(slices.Values(ready))
	if skew := last.Sub(first); skew > snapshots.MaxSkew {
		skewed = fmt.Sprintf("more than %s: a part of the run was made later, and the disks do not fit together", snapshots.MaxSkew)
	}
	return last.Sub(first).String(), skewed
}

// keeping says until when a run is kept, or why it is still there: in a word, and in
// full.
func (c *columns) keeping(n int, now time.Time) (short, long string) {
	b := c.backups[n]
	if b == nil {
		return "kept", "kept for ever: its KafkaBackup is gone"
	}
	var why []string
	for _, kept := range snapshots.KeptReasons {
		if count := c.stays[n][kept]; count > 0 {
			why = append(why, fmt.Sprintf("%d stay: %s", count, kept.Says()))
		}
	}
	end := time.Unix(c.runs[n].Scheduled, 0).Add(b.Parsed.Retention.Time)
	switch beyond := strings.Join(why, "; "); {
	case c.goes[n] > 0 && c.filling:
		return "stays", strings.TrimSuffix(fmt.Sprintf("has outlived its retention, but nothing is pruned while a claim is being restored; %s", beyond), "; ")
	case c.goes[n] > 0:
		return "goes", strings.TrimSuffix(fmt.Sprintf("has outlived its retention: %d may be pruned now; %s", c.goes[n], beyond), "; ")
	case beyond != "":
		return "stays", "has outlived its retention: " + beyond
	case b.Parsed.Retention.Time > 0 && end.After(now):
		return inventory.Ago(end, now), "kept until " + end.UTC().Format(time.RFC3339) + ", " + inventory.Ago(end, now)
	case b.Parsed.Retention.Count > 0:
		return "kept", fmt.Sprintf("kept until %d newer ones are ready", b.Parsed.Retention.Count)
	}
	return "kept", "kept for ever: the KafkaBackup has no retention"
}
