package scheduler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/operators"
)

const (
	// parallelCreates bounds the creates of one run that are under way at once.
	parallelCreates = 32

	// createTimeout bounds one create, retries by the apiserver included.
	createTimeout = 30 * time.Second
)

// Result is how the creates of a run were answered.
type Result struct {
	Scheduled time.Time
	Volumes   int
	Created   []string          // names of the snapshots, adopted ones included
	Skipped   map[string]string // why, by PVC
	Failed    map[string]error  // by PVC
}

// run takes one snapshot of every volume of the backup's cluster, all carrying
// the scheduled time. One volume's failure does not touch the others. It ends
// when the creates are answered; readiness is followed by the reconciler.
func (r *Reconciler) run(ctx context.Context, b snapshots.Backup, scheduled time.Time) (Result, error) {
	all, err := claims(ctx, r.Client, b)
	if err != nil {
		return Result{}, err
	}
	own, err := r.snapshotsOf(ctx, b)
	if err != nil {
		return Result{}, err
	}
	policies, err := r.policySource(ctx, b)
	if err != nil {
		return Result{}, err
	}
	result := Result{Scheduled: scheduled, Skipped: map[string]string{}, Failed: map[string]error{}}
	var todo []claim
	seen := map[string]bool{}
	unfinished := unfinishedSources(own, scheduled)
	for _, c := range all {
		why := c.skip(unfinished)
		if why == "" && seen[c.volume.Hash()] {
			why = "is a second claim of volume " + c.volume.String()
		}
		if why != "" {
			result.Skipped[c.pvc.Name] = why
			continue
		}
		seen[c.volume.Hash()] = true
		todo = append(todo, c)
	}
	result.Volumes = volumes(all)
	reader := operators.NewReader(r.APIReader, r.Mapper)
	for i := range todo { // one after another: they share a few resources
		if err := reader.Complete(ctx, &todo[i].volume, todo[i].pvc); err != nil {
			log.FromContext(ctx).Error(err, "the snapshot will not tell its cluster's identity", "claim", todo[i].pvc.Name)
		}
	}

	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(parallelCreates)
	for _, c := range todo {
		group.Go(func() error {
			name, err := r.snapshot(ctx, c, b, policies, scheduled)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				result.Failed[c.pvc.Name] = err
			} else {
				result.Created = append(result.Created, name)
			}
			return nil
		})
	}
	return result, group.Wait()
}

// unfinishedSources names the claims that have a snapshot that is not ready
// yet. Those of this very run are its own, from before a restart.
func unfinishedSources(own []snapshots.Snapshot, scheduled time.Time) map[string]bool {
	unfinished := map[string]bool{}
	for _, s := range own {
		if !s.Ready && !s.Deleting && !s.Scheduled.Equal(scheduled) {
			unfinished[s.SourcePVC] = true
		}
	}
	return unfinished
}

// snapshot creates the VolumeSnapshot of one claim, or adopts the one that
// this run has made of it before, and returns its name.
func (r *Reconciler) snapshot(ctx context.Context, c claim, b snapshots.Backup, from snapshots.PolicySource, scheduled time.Time) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, createTimeout)
	defer cancel()
	var pv corev1.PersistentVolume
	if err := r.Client.Get(ctx, types.NamespacedName{Name: c.pvc.Spec.VolumeName}, &pv); err != nil {
		return "", fmt.Errorf("read the volume of claim %s: %w", c.pvc.Name, err)
	}
	from.PVC = c.pvc.Annotations
	policy, err := snapshots.NewPolicy(from)
	if err != nil {
		// Said in the Ready condition; a backup without the opt-in is better than none.
		policy = nil
	}
	lineage, err := r.lineage(ctx, c, &pv, b)
	if err != nil {
		return "", err
	}
	vs := snapshots.Stamp(c.volume, c.pvc, &pv, b, policy, lineage, scheduled)
	err = r.Client.Create(ctx, vs)
	if apierrors.IsAlreadyExists(err) {
		return vs.Name, r.adopt(ctx, vs)
	}
	if err != nil {
		return "", fmt.Errorf("create volumesnapshot %s: %w", vs.Name, err)
	}
	return vs.Name, nil
}

// lineage tells which life of the volume's data the claim holds, by all
// snapshots of the volume, whichever KafkaBackup they are of.
func (r *Reconciler) lineage(ctx context.Context, c claim, pv *corev1.PersistentVolume, b snapshots.Backup) (snapshots.Lineage, error) {
	all, err := r.list(ctx, b.Namespace, client.MatchingFields{byVolume: c.volume.Hash()})
	if err != nil {
		return snapshots.Lineage{}, fmt.Errorf("find the lineage of %s: %w", c.volume, err)
	}
	return snapshots.LineageOf(c.pvc, pv, all, b.PromoteAfter, r.Clock.Now()), nil
}

// adopt accepts an existing snapshot as this run's if its labels say so.
func (r *Reconciler) adopt(ctx context.Context, want *snapshotv1.VolumeSnapshot) error {
	var have snapshotv1.VolumeSnapshot
	if err := r.APIReader.Get(ctx, client.ObjectKeyFromObject(want), &have); err != nil {
		return fmt.Errorf("read existing volumesnapshot %s: %w", want.Name, err)
	}
	for _, label := range []string{snapshots.LabelManagedBy, snapshots.LabelBackup, snapshots.LabelRun, snapshots.LabelVolume} {
		if have.Labels[label] != want.Labels[label] {
			return fmt.Errorf("volumesnapshot %s exists and is not of this run (label %s is %q): delete or rename it", want.Name, label, have.Labels[label])
		}
	}
	return nil
}

// maxTold is how many failures are told in full: conditions and people have
// limits.
const maxTold = 3

// Err joins the first failures of a run, by claim; nil without any. It is the
// same text each time: a condition that changed would be written, and seen, and
// written again.
func (r Result) Err() error {
	var errs []error
	for _, pvc := range slices.Sorted(maps.Keys(r.Failed)) {
		if len(errs) == maxTold {
			errs = append(errs, fmt.Errorf("and %d more", len(r.Failed)-maxTold))
			break
		}
		errs = append(errs, r.Failed[pvc])
	}
	return errors.Join(errs...)
}
