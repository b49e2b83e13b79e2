package scheduler

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/kafka/operators"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
)

// parallelCreates bounds the creates of one run that are under way at once, for
// each CSI driver: a slow one does not hold up another's volumes.
const parallelCreates = 32

// Result is how the creates of a run were answered.
type Result struct {
	Scheduled time.Time
	Volumes   int
	Created   []string          // names of the snapshots, adopted ones included
	Skipped   map[string]string // why, by PVC
	Failed    map[string]error  // by PVC
	Uncut     []string          // snapshots that the quorum's were not taken after: the wait was over
}

// run takes one snapshot of every volume of the backup's cluster, all carrying
// the scheduled time: first of the brokers', then, when those have been cut, of
// the quorum's. One volume's failure does not touch the others. It ends when
// the creates are answered; readiness is followed by the reconciler.
//
// It is repeatable: what was created before is adopted. A run that has not
// ended, such as by a lost lease, is an error, and nothing is noted of it.
func (r *Reconciler) run(ctx context.Context, b snapshots.Backup, scheduled time.Time, patience time.Duration) (Result, error) {
	result := Result{Scheduled: scheduled, Skipped: map[string]string{}, Failed: map[string]error{}}
	cluster, err := r.cluster(ctx, b)
	if err != nil {
		return result, err
	}
	tasks, err := r.tasks(ctx, b, scheduled)
	if err != nil {
		return result, err
	}
	brokers, quorum := halves(tasks)
	r.take(ctx, b, cluster, brokers, &result)
	if len(quorum) > 0 && len(result.Created) > 0 {
		if result.Uncut, err = r.awaitCuts(ctx, b, result.Created, patience); err != nil {
			return result, err
		}
		if tasks, err = r.tasks(ctx, b, scheduled); err != nil { // claims come and go meanwhile
			return result, err
		}
		_, quorum = halves(tasks)
	}
	r.take(ctx, b, cluster, quorum, &result)
	return result, context.Cause(ctx)
}

// tasks says what a run has to do about each claim of the cluster, in order.
func (r *Reconciler) tasks(ctx context.Context, b snapshots.Backup, scheduled time.Time) ([]task, error) {
	pvcs, err := claims.List(ctx, r.Client, b.Namespace)
	if err != nil {
		return nil, err
	}
	own, err := r.cached().ofBackup(ctx, b)
	if err != nil {
		return nil, err
	}
	unfinished := unfinishedSources(own, scheduled, r.Clock.Now())
	made := sourcesOf(own, scheduled)
	reader := operators.NewReader(r.APIReader, r.Mapper)
	claimed := map[string]bool{}
	var tasks []task
	for _, c := range claims.OfCluster(pvcs, b) {
		// The claims share a few resources, each read once.
		if err := reader.Complete(ctx, &c.Volume, c.PVC); err != nil {
			log.FromContext(ctx).Error(err, "the snapshot will not tell its cluster's identity", "claim", c.PVC.Name)
		}
		c.Volume, err = r.strictRole(ctx, c)
		if b.Excludes(c.Volume.Role) {
			continue
		}
		t := task{Claim: c, skip: skip(c, unfinished), err: err}
		if t.skip == "" && claimed[c.Volume.Hash()] {
			t.skip = "is a second claim of volume " + c.Volume.String()
		}
		if t.skip == "" {
			claimed[c.Volume.Hash()] = true
			if s, ok := made[c.Volume.Hash()]; ok && s.SourcePVC != c.PVC.Name {
				t.made = s.Name // of a claim that this one is in the place of
			}
			t.pv = &corev1.PersistentVolume{}
			if err := r.Client.Get(ctx, client.ObjectKey{Name: c.PVC.Spec.VolumeName}, t.pv, client.UnsafeDisableDeepCopy); err != nil && t.err == nil {
				t.err = fmt.Errorf("read the volume of claim %s: %w", c.PVC.Name, err)
			}
		}
		tasks = append(tasks, t)
	}
	inOrder(tasks)
	return tasks, nil
}

// sourcesOf are the snapshots that a run has made before, by their volume.
func sourcesOf(own []snapshots.Snapshot, scheduled time.Time) map[string]snapshots.Snapshot {
	made := map[string]snapshots.Snapshot{}
	for _, s := range own {
		if s.Scheduled.Equal(scheduled) && !s.Deleting {
			made[s.Volume] = s
		}
	}
	return made
}

// unfinishedSources names the claims that have a snapshot that is not ready
// yet. Those of this very run are its own, from before a restart; one of more
// than a day ago keeps nothing back any more.
func unfinishedSources(own []snapshots.Snapshot, scheduled, now time.Time) map[string]bool {
	unfinished := map[string]bool{}
	for _, s := range own {
		if !s.Ready && !s.Deleting && !s.Imported && !s.Scheduled.Equal(scheduled) && now.Sub(s.Scheduled) <= unfinishedFor {
			unfinished[s.SourcePVC] = true
		}
	}
	return unfinished
}

// take creates the snapshots of one half of a run and adds what came of it to
// the result.
func (r *Reconciler) take(ctx context.Context, b snapshots.Backup, cluster snapshots.Cluster, tasks []task, result *Result) {
	distinct := map[string]bool{}
	for _, t := range tasks {
		distinct[t.Volume.Hash()] = true
		switch {
		case t.err != nil:
			result.Failed[t.PVC.Name] = t.err
		case t.skip != "":
			result.Skipped[t.PVC.Name] = t.skip
		case t.made != "":
			result.Created = append(result.Created, t.made)
		}
	}
	result.Volumes += len(distinct)

	defer r.progress.create(client.ObjectKey{Namespace: b.Namespace, Name: b.Name})()
	var mu sync.Mutex
	var drivers sync.WaitGroup
	for _, of := range possible(tasks) {
		drivers.Go(func() {
			var group errgroup.Group
			group.SetLimit(parallelCreates)
			for _, t := range of {
				group.Go(func() error {
					name, err := r.snapshot(ctx, t, b, cluster, result.Scheduled)
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						result.Failed[t.PVC.Name] = err
					} else {
						result.Created = append(result.Created, name)
					}
					return nil
				})
			}
			_ = group.Wait() // its functions return nil
		})
	}
	drivers.Wait()
}

// maxTold is how many failures are told in full: conditions and people have
// limits.
const maxTold = 3

// failures are the first failures of a run, by claim; empty without any. It is
// the same text each time: a condition that changed would be written, and seen,
// and written again.
func (r Result) failures() string {
	var texts []string
	for _, pvc := range slices.Sorted(maps.Keys(r.Failed)) {
		texts = append(texts, r.Failed[pvc].Error())
	}
	return snapshots.FirstOf(texts, maxTold, "; ")
}
