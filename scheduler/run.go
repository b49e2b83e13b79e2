package scheduler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/kafka/operators"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/scheduler/turns"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/tracing"
)

// Result is the result of the creates of one run.
type Result struct {
	Scheduled time.Time
	Volumes   int
	Created   []string          // names of the snapshots, with the adopted ones
	Skipped   map[string]string // why no snapshot could be taken, by PVC
	Failed    map[string]error  // by PVC
	Uncut     []string          // brokers' snapshots that were not cut yet when the quorum's were taken: the wait was over
}

// run takes one snapshot of every volume of the backup's cluster. All of them
// carry the scheduled time. The brokers' volumes come first; the quorum's follow
// when the brokers' snapshots are cut. A failure of one volume does not affect
// the others. The run ends when all creates are answered. The reconciler follows
// the snapshots until they are ready.
//
// A run can be repeated: it adopts the snapshots that it created before. If it
// is interrupted, for example by a lost lease, it returns an error, and its
// result is not stored.
//
// The snapshots carry what Kafka said; nil: nothing is known.
func (r *Reconciler) run(ctx context.Context, b snapshots.Backup, scheduled time.Time, turn *turns.Turn, o *kafka.Observation) (Result, error) {
	result := Result{Scheduled: scheduled, Skipped: map[string]string{}, Failed: map[string]error{}}
	cluster, tasks, err := r.plan(ctx, b, scheduled, o)
	if err != nil {
		return result, err
	}
	brokers, quorum := halves(tasks)
	turn.Need(count(possible(tasks)))
	r.take(ctx, b, cluster, brokers, turn, &result)
	if len(quorum) > 0 && len(result.Created) > 0 {
		patience := r.jobs.patience(types.NamespacedName{Namespace: b.Namespace, Name: b.Name})
		_, wait := r.traces.Start(ctx, tracing.SpanAwait)
		result.Uncut, err = r.awaitCuts(ctx, b, result.Created, patience)
		wait.End(err)
		if err != nil {
			return result, err
		}
		if tasks, err = r.tasks(ctx, b, scheduled); err != nil { // the claims may have changed in the meantime
			return result, err
		}
		record(ctx, tasks, o)
		_, quorum = halves(tasks)
	}
	turn.Need(count(possible(quorum)))
	r.take(ctx, b, cluster, quorum, turn, &result)
	return result, context.Cause(ctx)
}

// plan returns the policy of a run's cluster, and its tasks.
func (r *Reconciler) plan(ctx context.Context, b snapshots.Backup, scheduled time.Time, o *kafka.Observation) (cluster snapshots.Cluster, tasks []task, err error) {
	ctx, span := r.traces.Start(ctx, tracing.SpanPlan)
	defer func() { span.End(err) }()
	if cluster, err = r.cluster(ctx, b); err != nil {
		return cluster, nil, err
	}
	if tasks, err = r.tasks(ctx, b, scheduled); err == nil {
		record(ctx, tasks, o)
	}
	return cluster, tasks, err
}

// tasks returns the tasks of a run, one for each claim of the cluster, in order.
func (r *Reconciler) tasks(ctx context.Context, b snapshots.Backup, scheduled time.Time) ([]task, error) {
	pvcs, err := claims.List(ctx, r.Client, b.Namespace)
	if err != nil {
		return nil, err
	}
	own, err := r.taken().own(b.Key())
	if err != nil {
		return nil, err
	}
	waited := unfinishedSources(own.All, scheduled, r.Clock.Now())
	made := sourcesOf(own.All, scheduled)
	reader := operators.NewReader(r.APIReader, r.Mapper)
	claimed := map[string]bool{}
	var tasks []task
	for _, c := range claims.OfCluster(pvcs, b) {
		// The claims share a few resources. The reader reads each of them once.
		if err := reader.Complete(ctx, &c.Volume, c.PVC); err != nil {
			log.FromContext(ctx).Error(err, "the snapshot will not have its cluster's identity", "namespace", c.PVC.Namespace, "claim", c.PVC.Name)
		}
		c.Volume, err = r.strictRole(c)
		if b.Excludes(c.Volume.Role) {
			continue
		}
		t := task{Claim: c, skip: skip(c, waited), err: err}
		if t.skip == "" && claimed[c.Volume.Hash()] {
			t.skip = "is a second claim of volume " + c.Volume.String()
		}
		if t.skip == "" {
			claimed[c.Volume.Hash()] = true
			if s, ok := made[c.Volume.Hash()]; ok && s.SourcePVC != c.PVC.Name {
				t.made = s.Name // it was made from a claim that this one has replaced
			}
			t.pv = &corev1.PersistentVolume{}
			if err := r.Client.Get(ctx, client.ObjectKey{Name: c.PVC.Spec.VolumeName}, t.pv, client.UnsafeDisableDeepCopy); err != nil && t.err == nil {
				t.err = fmt.Errorf("read the persistentvolume of claim %s/%s: %w", c.PVC.Namespace, c.PVC.Name, err)
			}
		}
		tasks = append(tasks, t)
	}
	inOrder(tasks)
	return tasks, nil
}

// sourcesOf are the snapshots that a run has already made, by their volume's
// hash.
func sourcesOf(own []snapshots.Snapshot, scheduled time.Time) map[string]snapshots.Snapshot {
	made := map[string]snapshots.Snapshot{}
	for _, s := range own {
		if s.Scheduled.Equal(scheduled) && !s.Deleting {
			made[s.Volume] = s
		}
	}
	return made
}

// unfinished are the claims with a snapshot that is not ready yet: their UIDs, or their
// names where the snapshot does not know the UID.
type unfinished map[string]bool

// keepsBack reports whether the claim has such a snapshot. One of a claim of its name that
// is gone does not count: the storage may have lost the volume, and never finish it.
func (u unfinished) keepsBack(pvc *corev1.PersistentVolumeClaim) bool {
	return u[string(pvc.UID)] || u[pvc.Name]
}

// unfinishedSources returns the claims with a snapshot that is not ready yet.
// Snapshots of this run do not count: it made them before a restart. Snapshots
// that are more than a day old do not count either.
func unfinishedSources(own []snapshots.Snapshot, scheduled, now time.Time) unfinished {
	found := unfinished{}
	for _, s := range own {
		if !s.Ready && !s.Deleting && !s.Imported && !s.Scheduled.Equal(scheduled) && now.Sub(s.Scheduled) <= unfinishedFor {
			found[cmp.Or(s.SourcePVCUID, s.SourcePVC)] = true
		}
	}
	return found
}

// take creates the snapshots of one half of a run, and adds the outcome to the
// result.
func (r *Reconciler) take(ctx context.Context, b snapshots.Backup, cluster snapshots.Cluster, tasks []task, turn *turns.Turn, result *Result) {
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

	if !turn.Large() { // a large run goes on when the reconciler sees its snapshots cut
		defer r.progress.create(client.ObjectKey{Namespace: b.Namespace, Name: b.Name})()
	}
	var mu sync.Mutex
	done := func(t task, name string, err error) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case errors.Is(err, errAbsent): // as if the cache had known it
			result.Skipped[t.PVC.Name] = errAbsent.Error()
		case err != nil:
			result.Failed[t.PVC.Name] = err
		default:
			result.Created = append(result.Created, name)
		}
	}
	there := r.present(b.Namespace, tasks)
	var drivers sync.WaitGroup
	for _, of := range possible(tasks) {
		drivers.Go(func() {
			var group errgroup.Group
			group.SetLimit(parallelCreates)
			for _, t := range of {
				name := snapshots.Name(t.PVC.Name, b.Name, result.Scheduled)
				if err := turn.Create(ctx, name); err != nil {
					done(t, "", fmt.Errorf("no snapshot of claim %s was created: %w", t.PVC.Name, err))
					continue
				}
				group.Go(func() error {
					made, cut, err := r.create(ctx, turn, there, t, b, cluster, result.Scheduled)
					if err != nil || cut {
						turn.Failed(name, passing(err))
					}
					done(t, made, err)
					return nil
				})
			}
			_ = group.Wait() // its functions return nil
		})
	}
	drivers.Wait()
}

// maxTold is how many failures a condition or an Event describes. Their length
// has a limit, and so has a reader's patience.
const maxTold = 3

// failures is a text about the first failures of a run, sorted by claim; empty
// if there is none. The text is the same each time. If it changed, each write of
// the condition would cause a reconciliation, and that one the next write.
func (r Result) failures() string {
	var texts []string
	for _, pvc := range slices.Sorted(maps.Keys(r.Failed)) {
		texts = append(texts, r.Failed[pvc].Error())
	}
	return snapshots.FirstOf(texts, maxTold, "; ")
}
