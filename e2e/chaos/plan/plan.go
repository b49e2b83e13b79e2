// Package plan draws what happens in a chaos run: which operations and faults, on
// what, when, and for how long. It is drawn in full before the run begins, so that
// a seed always means the same.
package plan

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Args say what an operation or a fault is aimed at.
type Args map[string]string

// Kind is a kind of operation or fault, of which steps are drawn.
type Kind struct {
	Name   string
	Weight int // how often it is drawn, among those of its sort; usually 10

	// Draw aims one at something.
	Draw func(*rand.Rand, Layout) Args

	// Longest is how long a fault lasts at most. An operation has none.
	Longest time.Duration
}

// Step is one operation, or one fault.
type Step struct {
	At    time.Duration // since the begin of the run
	For   time.Duration // how long a fault lasts
	Fault bool
	Name  string
	Args  Args
}

func (s Step) String() string {
	sort := "operation"
	if s.Fault {
		sort = "fault for " + s.For.String()
	}
	return fmt.Sprintf("%8s %s %s %s", s.At, s.Name, s.Args, sort)
}

func (a Args) String() string {
	var words []string
	for _, k := range slices.Sorted(maps.Keys(a)) {
		words = append(words, k+"="+a[k])
	}
	return strings.Join(words, " ")
}

// Namespace is that of the cluster or the volume that the arguments aim at; empty:
// neither.
func (a Args) Namespace() string {
	namespace, _, _ := strings.Cut(cmp.Or(a["cluster"], a["volume"]), "/")
	return namespace
}

// A storm has faults; the calm after it has only operations, so that runs and prunings
// get somewhere.
const (
	storm      = 40 * time.Second
	calm       = 20 * time.Second
	perStep    = 3 * time.Second // on average between two operations
	perFault   = 4 * time.Second // on average between two faults of a storm
	shortFault = 500 * time.Millisecond
)

// Make draws the steps of a seed, in the order of their times.
func Make(seed uint64, duration time.Duration, layout Layout, operations, faults []Kind) []Step {
	var steps []Step
	r := rand.New(rand.NewPCG(seed, 1))
	for at := between(r, perStep); at < duration && len(operations) > 0; at += between(r, perStep) {
		k := pick(r, operations)
		steps = append(steps, Step{At: at, Name: k.Name, Args: k.Draw(r, layout)})
	}
	r = rand.New(rand.NewPCG(seed, 2)) // one more operation moves no fault
	for at := between(r, perFault); at < duration && len(faults) > 0; at += between(r, perFault) {
		if at%(storm+calm) >= storm {
			continue
		}
		k := pick(r, faults)
		long := shortFault + time.Duration(r.Int64N(int64(k.Longest-shortFault))).Round(time.Millisecond)
		steps = append(steps, Step{At: at, For: long, Fault: true, Name: k.Name, Args: k.Draw(r, layout)})
	}
	slices.SortStableFunc(steps, func(a, b Step) int { return int(a.At - b.At) })
	return steps
}

// between draws a time between two steps.
func between(r *rand.Rand, average time.Duration) time.Duration {
	return time.Duration(r.Int64N(int64(2 * average))).Round(time.Millisecond)
}

func pick(r *rand.Rand, kinds []Kind) Kind {
	sum := 0
	for _, k := range kinds {
		sum += k.Weight
	}
	n := r.IntN(sum)
	for _, k := range kinds {
		if n -= k.Weight; n < 0 {
			return k
		}
	}
	return kinds[0]
}

// Print writes the steps.
func Print(w io.Writer, steps []Step) {
	for _, s := range steps {
		fmt.Fprintln(w, s)
	}
}

// AnyProgram aims at one of the programs.
func AnyProgram(r *rand.Rand, l Layout) Args {
	return Args{"program": l.Programs[r.IntN(len(l.Programs))]}
}

// AnyVolume aims at one of the volumes.
func AnyVolume(r *rand.Rand, l Layout) Args {
	c := l.Clusters[r.IntN(len(l.Clusters))]
	return Args{"volume": c.Volumes[r.IntN(len(c.Volumes))].Key}
}

// AnyCluster aims at one of the clusters.
func AnyCluster(r *rand.Rand, l Layout) Args {
	return Args{"cluster": l.Clusters[r.IntN(len(l.Clusters))].Namespace}
}

// AnyNode aims at one of the nodes of a cluster.
func AnyNode(r *rand.Rand, l Layout) Args {
	c := l.Clusters[r.IntN(len(l.Clusters))]
	nodes := c.Nodes()
	return Args{"cluster": c.Namespace, "node": strconv.Itoa(nodes[r.IntN(len(nodes))])}
}

// Number is what an argument says that is a number.
func (a Args) Number(key string) int {
	n, _ := strconv.Atoi(a[key]) // it was made of a number
	return n
}

// Long draws how long something takes, up to the longest, into the argument "for".
func (a Args) Long(r *rand.Rand, longest time.Duration) Args {
	a["for"] = (time.Second + time.Duration(r.Int64N(int64(longest-time.Second)))).Round(time.Millisecond).String()
	return a
}
