package scheduler

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
)

// task is what a run must do for one claim.
type task struct {
	claims.Claim
	pv    *corev1.PersistentVolume
	skip  string // why no snapshot of the claim can be taken now; empty: one can
	err   error  // why the task failed before a snapshot could be created
	kafka string // what Kafka said of its log dir, see [kafka.Encode]; empty: nothing is known

	made string // name of the snapshot that this run made earlier from another claim of the volume; empty: none
}

// driver is the CSI driver of the claim's volume; empty if it has none.
func (t task) driver() string {
	if t.pv == nil || t.pv.Spec.CSI == nil {
		return ""
	}
	return t.pv.Spec.CSI.Driver
}

// inOrder sorts tasks by node, so that the disks of one broker are cut shortly
// after each other: a partition may have moved between them.
func inOrder(tasks []task) {
	slices.SortFunc(tasks, func(a, b task) int {
		return cmp.Or(cmp.Compare(a.Volume.Node, b.Volume.Node), cmp.Compare(a.Volume.Slot, b.Volume.Slot), cmp.Compare(a.PVC.Name, b.PVC.Name))
	})
}

// halves splits the tasks of a run in two: those of brokers, and those of nodes
// that vote in the quorum. The quorum is cut last: a quorum that is older than
// its brokers does not know what they have agreed on with it.
func halves(tasks []task) (brokers, quorum []task) {
	for _, t := range tasks {
		if t.Volume.Role.Quorum() {
			quorum = append(quorum, t)
		} else {
			brokers = append(brokers, t)
		}
	}
	return brokers, quorum
}

// possible are the tasks for which a snapshot can be taken, by driver. Their
// order is kept.
func possible(tasks []task) map[string][]task {
	by := map[string][]task{}
	for _, t := range tasks {
		if t.skip == "" && t.err == nil && t.made == "" {
			by[t.driver()] = append(by[t.driver()], t)
		}
	}
	return by
}

// count returns the number of tasks of all drivers.
func count(by map[string][]task) int {
	n := 0
	for _, of := range by {
		n += len(of)
	}
	return n
}

// uncut returns the named snapshots that are not cut yet and may still be cut. A
// failed one counts, since it is retried. A missing one counts unless it was
// seen before, since the cache may be behind. The snapshots that exist are noted
// as seen.
func uncut(names []string, own []snapshots.Snapshot, seen map[string]bool) []string {
	there := make(map[string]*snapshots.Snapshot, len(names))
	for _, name := range names {
		there[name] = nil
	}
	for i := range own {
		if _, asked := there[own[i].Name]; asked {
			there[own[i].Name] = &own[i]
		}
	}
	var left []string
	for _, name := range names {
		s := there[name]
		ok := s != nil
		waits := !ok && !seen[name] || ok && s.Cut.IsZero() && !s.Ready && !s.Deleting
		if waits {
			left = append(left, name)
		}
		seen[name] = seen[name] || ok
	}
	return left
}
