// Package recovery restores brokers' volumes. It makes a plan in pure functions,
// and carries it out in the order that the operator in charge needs. All state is
// in the cluster: the same request continues an interrupted restore.
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
	Brokers []string  // the broker to restore to its newest snapshot; more than one is refused
	All     bool      // restore the whole cluster to one run
	Run     string    // name of that run, see [snapshots.FormatRun]
	Before  time.Time // or the newest complete run with no disk cut after this time; zero: not given

	MaxSkew time.Duration // longest time between the first and the last cut of the run

	RestoreQuorum bool // restore volumes that hold votes, too
	Discard       bool // let the old volumes be deleted with their claims
	SkipTrial     bool // do not try the storage first
}

// check returns an error if something is wrong with the request, else the request
// with the broker's full name. In a cluster with one broker, a point in time is
// allowed with that broker's name, and restores the whole cluster.
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

// one returns the full name of the only broker that is named, maybe repeatedly. It
// refuses several: the second would be taken away as soon as the first one's pod is
// Ready, before that has fetched the data that it misses.
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

// command returns the command that restores a cluster.
func command(of inventory.ClusterKey, flags string) string {
	return fmt.Sprintf("kubectl snapback restore %s -n %s %s", of.Name, of.Namespace, flags)
}
