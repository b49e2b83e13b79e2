package recovery

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

// maxNamed is how many names a line lists.
const maxNamed = 5

// run is one run of a KafkaBackup.
type run struct {
	snapshots.RunKey
	ready   map[string]*snapshots.Snapshot // by the volume's hash
	missing []string                       // slots of the volumes that it has no ready snapshot of
	damaged []string                       // slots of the volumes whose snapshot a drill found damaged
}

// name returns the run's time, as the label of its snapshots has it.
func (r run) name() string { return snapshots.FormatRun(time.Unix(r.Scheduled, 0)) }

// runsOf returns the runs that have ready snapshots, sorted by their last cut, the
// newest first. The name is no help: a run may have been made up later.
func runsOf(volumes []inventory.Volume) []run {
	found := map[snapshots.RunKey]run{}
	for n := range volumes {
		candidates := snapshots.Candidates(volumes[n].Snapshots)
		for c := range candidates {
			s := &candidates[c]
			if !s.Ready {
				continue
			}
			if found[s.Run()].ready == nil {
				found[s.Run()] = run{RunKey: s.Run(), ready: map[string]*snapshots.Snapshot{}}
			}
			found[s.Run()].ready[volumes[n].Hash()] = s
		}
	}
	runs := slices.SortedFunc(maps.Values(found), func(a, b run) int {
		return cmp.Or(b.last().Compare(a.last()), cmp.Compare(b.Scheduled, a.Scheduled), cmp.Compare(a.Backup, b.Backup))
	})
	for n := range runs {
		for v := range volumes {
			switch s := runs[n].ready[volumes[v].Hash()]; {
			case s == nil && runs[n].expects(&volumes[v]):
				runs[n].missing = append(runs[n].missing, volumes[v].Slot)
			case s != nil && s.Damaged:
				runs[n].damaged = append(runs[n].damaged, volumes[v].Slot)
			}
		}
	}
	return runs
}

// expects reports whether a complete run has a snapshot of the volume: it has a
// claim, or was snapshotted in that run or later. It does not expect a volume that
// was gone before, such as that of a broker that was scaled down.
func (r run) expects(v *inventory.Volume) bool {
	return len(v.Claims) > 0 || slices.ContainsFunc(v.Snapshots, func(s snapshots.Snapshot) bool { return s.Scheduled.Unix() >= r.Scheduled })
}

// chooseRun returns the run that the request or an interrupted restore names. A
// run with a damaged snapshot is passed over as long as there is another, unless
// it is named. The error lists the runs that exist.
func chooseRun(volumes []inventory.Volume, r Request, begun *snapshots.RunKey) (run, error) {
	all := runsOf(volumes)
	complete := slices.DeleteFunc(slices.Clone(all), func(r run) bool { return len(r.missing) > 0 })
	if r.Run == "" && begun == nil {
		early := func(some run) bool { return !some.last().After(r.Before) }
		i := slices.IndexFunc(complete, func(some run) bool { return early(some) && len(some.damaged) == 0 })
		if i < 0 {
			i = slices.IndexFunc(complete, early)
		}
		if i < 0 {
			return run{}, fmt.Errorf("no run whose last disk was cut at or before %s has a ready snapshot of every volume; %s", utc(r.Before), qualifying(complete, all, r.Before))
		}
		return complete[i], nil
	}
	wanted, named := func(some run) bool { return some.name() == r.Run }, r.Run
	if begun != nil { // of two KafkaBackups' runs of one name this one
		wanted, named = func(some run) bool { return some.RunKey == *begun }, run{RunKey: *begun}.name()
	}
	if i := slices.IndexFunc(complete, wanted); i >= 0 {
		return complete[i], nil
	}
	if i := slices.IndexFunc(all, wanted); i >= 0 {
		return run{}, fmt.Errorf("run %s has no ready snapshot of %s; %s", named, some(all[i].missing), qualifying(complete, nil, time.Time{}))
	}
	return run{}, fmt.Errorf("there is no run %q; %s", named, qualifying(complete, all, time.Time{}))
}

// qualifying returns the names of the complete runs, with their cuts where these
// differ from the names. If there is none, it says what the newest run lacks.
func qualifying(complete, all []run, before time.Time) string {
	names := make([]string, len(complete))
	for n, r := range complete {
		names[n] = r.said(before)
	}
	switch {
	case len(names) > 0:
		return "complete runs: " + some(names)
	case len(all) > 0:
		return fmt.Sprintf("no run is complete, the newest, %s, lacks %s", all[0].name(), some(all[0].missing))
	}
	return "no run is complete"
}

// some returns the first of the names.
func some(names []string) string { return snapshots.FirstOf(names, maxNamed, ", ") }
