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
	Brokers []string  // to its newest snapshot; more than one is refused
	All     bool      // the whole cluster to one run
	Run     string    // this one, see [snapshots.FormatRun]
	Before  time.Time // or the newest complete one, no disk of which was cut after it; zero: not asked for

	MaxSkew time.Duration // that there may be between the first and the last cut of the run

	RestoreQuorum bool // volumes that hold votes are restored, too
	Discard       bool // the old volumes go with their claims
	SkipTrial     bool // the storage is not tried first
}

// check tells what is wrong with the request, and gives the broker its full
// name. A cluster of one broker is restored as a whole by that broker's name.
func (r Request) check(inv *inventory.Inventory, key inventory.ClusterKey) (Request, error) {
	pointInTime := r.Run != "" || !r.Before.IsZero()
	switch {
	case r.Run != "" && !r.Before.IsZero():
		return r, errors.New("--from-run and --before exclude each other: say one of them")
	case r.All && len(r.Brokers) > 0:
		return r, errors.New("--all and --broker exclude each other: say one of them")
	case r.All && !pointInTime:
		return r, errors.New("--all takes the whole cluster back to one run: say which with --from-run or --before; a broker is restored to its newest snapshot by name, with --broker")
	case r.All:
		return r, nil
	case len(r.Brokers) == 0:
		return r, errors.New("say what to restore: --broker N to its newest snapshot, or --all with --from-run or --before")
	}
	var all []string
	for _, v := range inv.Volumes {
		all = append(all, v.Node)
	}
	slices.Sort(all)
	if all = slices.Compact(all); pointInTime && len(all) > 1 {
		return r, fmt.Errorf("a point in time of one broker of several is refused: as a follower it is brought up to date again by replication, "+
			"as a leader its old data would replace what its peers have: take all of them back together with --all (brokers: %s)", strings.Join(all, ", "))
	}
	var err error
	if r.Brokers, err = one(inv, key, r.Brokers); err != nil {
		return r, err
	}
	r.All = pointInTime
	return r, nil
}

// one is the full name of the only broker that is named, if more than once. Of
// several the second would be taken away when the first one's pod is Ready,
// and that is before it has fetched what it misses.
func one(inv *inventory.Inventory, key inventory.ClusterKey, brokers []string) ([]string, error) {
	var names, commands []string
	for _, broker := range brokers {
		volumes, err := inv.Broker(broker)
		if err != nil {
			return nil, err
		}
		if name := volumes[0].Node; !slices.Contains(names, name) {
			names, commands = append(names, name), append(commands, command(key, "--broker "+name))
		}
	}
	if len(names) > 1 {
		return nil, fmt.Errorf("restore one broker a command: a Ready pod says that a broker runs, not that it has caught up, and acknowledged records are lost when the next one is taken away before that. "+
			"Run the next command only when %s lists nothing: %s", underReplicated, strings.Join(commands, "; then "))
	}
	return names, nil
}

// command is that of a restore of a cluster.
func command(of inventory.ClusterKey, flags string) string {
	return fmt.Sprintf("kubectl snapback restore %s -n %s %s", of.Name, of.Namespace, flags)
}
