// Package recovery restores brokers' volumes. It makes a plan in pure functions,
// and carries it out in the order that the operator in charge needs. All state is
// in the cluster: the same request continues an interrupted restore.
package recovery

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

// Request is what a person asks for.
type Request struct {
	Brokers []string  // the brokers to restore to their newest snapshots, one after another
	All     bool      // restore the whole cluster to one run
	Run     string    // name of that run, see [snapshots.FormatRun]
	Before  time.Time // or the newest complete run with no disk cut after this time; zero: not given

	MaxSkew time.Duration // longest time between the first and the last cut of the run

	AcceptLoss     []string // those of the brokers that may lose what no other one has in sync
	PatchClusterID bool     // give a Kafka of Strimzi that was made anew the cluster id of the snapshots
	RestoreQuorum  bool     // restore volumes that hold votes, too
	Discard        bool     // let the old volumes be deleted with their claims
	SkipTrial      bool     // do not try the storage first
}

// check returns an error if something is wrong with the request, else the request
// with the brokers' full names. In a cluster with one broker, a point in time is
// allowed with that broker's name, and restores the whole cluster.
func (r Request) check(inv *inventory.Inventory) (Request, error) {
	pointInTime := r.Run != "" || !r.Before.IsZero()
	switch {
	case r.Run != "" && !r.Before.IsZero():
		return r, errors.New("--from-run and --before exclude each other: say one of them")
	case r.All && len(r.Brokers) > 0:
		return r, errors.New("--all and --broker exclude each other: say one of them")
	case r.PatchClusterID && !r.All:
		return r, errors.New("--patch-cluster-id goes with --all: with another cluster id no broker starts on the disks that the others have now")
	case r.All && !pointInTime:
		return r, errors.New("--all takes the whole cluster back to one run: say which with --from-run or --before; a broker is restored to its newest snapshot by name, with --broker")
	case r.All && len(r.AcceptLoss) > 0:
		return r, errors.New("--accept-loss is for --broker: --all takes every broker back, and so loses what was written after the run")
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
	if r.Brokers, err = fullNames(inv, r.Brokers); err != nil {
		return r, err
	}
	if r.AcceptLoss, err = fullNames(inv, r.AcceptLoss); err != nil {
		return r, fmt.Errorf("--accept-loss: %w", err)
	}
	for _, name := range r.AcceptLoss {
		if !slices.Contains(r.Brokers, name) {
			return r, fmt.Errorf("--accept-loss %s: that broker is not restored, name it with --broker, too", name)
		}
	}
	r.All = pointInTime
	return r, nil
}

// fullNames returns the full names of brokers, each once.
func fullNames(inv *inventory.Inventory, brokers []string) (names []string, err error) {
	for _, broker := range brokers {
		volumes, err := inv.Broker(broker)
		if err != nil {
			return nil, err
		}
		if name := volumes[0].Node; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// refuse returns why several brokers are not restored by one command where Kafka
// cannot be asked: the second would be taken away as soon as the first one's pod is
// Ready, before that has fetched the data that it misses.
func (p *Plan) refuse(why string) error {
	var commands []string
	for _, b := range p.Brokers {
		commands = append(commands, command(p.Cluster, "--broker "+b.Node))
	}
	if !p.Items[0].Volume.Role.HoldsTopics() {
		return fmt.Errorf("restore one node of a quorum a command, and see that it has caught up before the next one: %s", strings.Join(commands, "; then "))
	}
	return fmt.Errorf("restore one broker a command, since Kafka cannot be asked (%s): a Ready pod says that a broker runs, not that it has caught up, and acknowledged records are lost when the next one is taken away before that. "+
		"Run the next command only when %s lists nothing: %s", cmp.Or(why, "nobody has"), underReplicated, strings.Join(commands, "; then "))
}

// command returns the command that restores a cluster.
func command(of inventory.ClusterKey, flags string) string {
	return of.Command("restore", flags)
}
