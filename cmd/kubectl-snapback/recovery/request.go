// Package recovery restores brokers' volumes: it plans, purely, and carries
// the plan out in the order that the operator in charge needs. All state is in
// the cluster: what was interrupted is gone on with by asking for it again.
package recovery

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

// Request is what a person asks for.
type Request struct {
	Brokers []string  // each to its newest snapshot, one after another
	All     bool      // the whole cluster to one run
	Run     string    // this one, see [snapshots.FormatRun]
	Before  time.Time // or the newest complete one at or before it; zero: not asked for
}

// check tells what is wrong with the request. A cluster of one broker is
// restored as a whole by that broker's name.
func (r Request) check(inv *inventory.Inventory) (Request, error) {
	pointInTime := r.Run != "" || !r.Before.IsZero()
	switch {
	case r.Run != "" && !r.Before.IsZero():
		return r, errors.New("--from-run and --before exclude each other: say one of them")
	case r.All && len(r.Brokers) > 0:
		return r, errors.New("--all and --broker exclude each other: say one of them")
	case r.All && !pointInTime:
		return r, errors.New("--all takes the whole cluster back to one run: say which with --from-run or --before; brokers are restored to their newest snapshots by name, with --broker")
	case r.All:
		return r, nil
	case len(r.Brokers) == 0:
		return r, errors.New("say what to restore: --broker N to its newest snapshot, or --all with --from-run or --before")
	}
	var all []string
	for _, v := range inv.Volumes {
		all = append(all, v.Broker)
	}
	slices.Sort(all)
	if all = slices.Compact(all); pointInTime && len(all) > 1 {
		return r, fmt.Errorf("a point in time of one broker of several is refused: as a follower it is brought up to date again by replication, "+
			"as a leader its old data would replace what its peers have: take all of them back together with --all (brokers: %s)", strings.Join(all, ", "))
	}
	r.All = pointInTime
	return r, nil
}
