package scheduler

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
)

// task is what a run has to do about one claim.
type task struct {
	claims.Claim
	pv   *corev1.PersistentVolume
	skip string // why no snapshot of it can be taken now; empty: one can
	err  error  // why nothing can be said of it
	made string // snapshot of its volume that the run has made before, of another claim; empty: none
}

// driver is the CSI driver of the claim's volume; empty if it has none.
func (t task) driver() string {
	if t.pv == nil || t.pv.Spec.CSI == nil {
		return ""
	}
	return t.pv.Spec.CSI.Driver
}

// inOrder sorts tasks so that the disks of one broker are cut next to each
// other: a partition may have moved between them.
func inOrder(tasks []task) {
	slices.SortFunc(tasks, func(a, b task) int {
		return cmp.Or(cmp.Compare(a.Volume.Node, b.Volume.Node), cmp.Compare(a.Volume.Slot, b.Volume.Slot), cmp.Compare(a.PVC.Name, b.PVC.Name))
	})
}

// halves splits a run in two: what holds votes is cut after the brokers, since
// a quorum that is older than its brokers does not know what they have agreed
// on with it.
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

// possible are the tasks of which a snapshot can be taken, by driver, each in
// order.
func possible(tasks []task) map[string][]task {
	by := map[string][]task{}
	for _, t := range tasks {
		if t.skip == "" && t.err == nil && t.made == "" {
			by[t.driver()] = append(by[t.driver()], t)
		}
	}
	return by
}

// uncut returns those of the named snapshots that are not cut and may still be:
// a failure is retried, and may be cut any time. One that is not there is uncut
// unless it was seen before, since the cache may be behind; what is there is
// noted as seen.
func uncut(names []string, own []snapshots.Snapshot, seen map[string]bool) []string {
	there := make(map[string]snapshots.Snapshot, len(own))
	for _, s := range own {
		there[s.Name] = s
	}
	var left []string
	for _, name := range names {
		s, ok := there[name]
		waits := !ok && !seen[name] || ok && s.Cut.IsZero() && !s.Ready && !s.Deleting
		if waits {
			left = append(left, name)
		}
		seen[name] = seen[name] || ok
	}
	return left
}
